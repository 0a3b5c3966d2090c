from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query
from fastapi.responses import HTMLResponse

app = FastAPI()
router = APIRouter(prefix="/books", tags=["books"])

BOOKS = [
    {"id": 1, "title": "Emma", "year": 1815},
    {"id": 2, "title": "Ulysses", "year": 1922},
    {"id": 3, "title": "Orlando", "year": 1928},
]


class Pages:
    def __init__(self, skip: int = 0, limit: Annotated[int, Query(ge=1, le=50)] = 2):
        self.skip = skip
        self.limit = limit


def checked_key(x_api_key: Annotated[str | None, Header()] = None):
    if x_api_key != "letmein":
        raise HTTPException(status_code=401, detail="Wrong key")


@router.get("", dependencies=[Depends(checked_key)])
def search(pages: Annotated[Pages, Depends()], year: Annotated[list[int], Query()] = []):
    found = [book for book in BOOKS if not year or book["year"] in year]
    return {"total": len(found), "books": found[pages.skip : pages.skip + pages.limit]}


@router.get("/{book_id}", response_class=HTMLResponse)
def page(book_id: int):
    for book in BOOKS:
        if book["id"] == book_id:
            return f"<h1>{book['title']}</h1>"
    raise HTTPException(404)


app.include_router(router)
