# SPDX-License-Identifier: Apache-2.0
"""Apps written for FastAPI: what the engine's small layer answers and refuses, and its models beside pydantic's."""

import json
from pathlib import Path
from typing import Any

import pytest

from genapps.core.code.scan import scan_python
from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import RefusedError
from tests.runtime.model_cases import CASES, SOURCE
from tests.support.guest import AppInEngine

HEAD = """
from typing import Annotated, Optional
from fastapi import (APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header, HTTPException,
                     Path, Query, Request, Response, UploadFile, status)
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from pydantic import BaseModel, Field
from genapps import state

app = FastAPI(title="Shop", version="1")
"""
APP = """
class Item(BaseModel):
    name: str = Field(min_length=2)
    price: float = Field(gt=0)
    tags: list[str] = []

class Shown(BaseModel):
    name: str
    note: Optional[str] = None

@app.get("/")
def root():
    return {"ok": True}

@app.get("/items/{item_id}")
async def read(item_id: int, q: str | None = None, limit: Annotated[int, Query(le=100)] = 10,
               tag: Annotated[list[str], Query()] = []):
    if item_id == 404:
        raise HTTPException(status_code=404, detail="Item not found", headers={"X-Why": "gone"})
    return {"id": item_id, "q": q, "limit": limit, "tag": tag}

@app.post("/items", status_code=status.HTTP_201_CREATED, response_model=Shown, response_model_exclude_none=True)
async def create(item: Item, tasks: BackgroundTasks):
    tasks.add_task(print, "made", item.name)
    await state.put(f"item/{item.name}", item.model_dump())
    return item

@app.put("/two/{key}")
def two(key: str, item: Item, other: Shown, times: Annotated[int, Body()] = 1):
    return [key, item.name, other.name, times]

@app.patch("/one")
def one(item: Item = Body(embed=True)):
    return item.price

@app.post("/raw")
async def raw(request: Request, data: dict):
    return {"same": data == await request.json(), "agent": request.headers.get("x-a"), "path": request.path_params}

@app.get("/bad-model", response_model=Shown)
def bad_model():
    return {"no": 1}

def opened(x_token: Annotated[str, Header()], request: Request):
    yield f"{x_token} {request.method}"
    print("closed")

async def twice(token: str = Depends(opened), again: str = Depends(opened)):
    return token is again

class Page:
    def __init__(self, skip: int = 0, limit: int = 5):
        self.skip, self.limit = skip, limit

@app.get("/needs")
async def needs(response: Response, page: Annotated[Page, Depends()], same: bool = Depends(twice),
                session: str = Cookie("none"), user_agent: str | None = Header(default=None)):
    response.headers["x-skip"] = str(page.skip)
    response.status_code = 202
    return [page.limit, same, session, user_agent]

@app.post("/form")
async def form(name: Annotated[str, Form(max_length=3)], f: UploadFile | None = None):
    return {"name": name, "file": (await f.read()).decode() if f else None, "of": f.filename if f else None}

router = APIRouter(prefix="/notes", tags=["notes"])

@router.get("/page", response_class=HTMLResponse)
def page():
    return "<p>hi</p>"

@router.get("/files/{rest:path}")
def rest(rest: str):
    return FileResponse("data.txt", filename="a.txt") if rest == "data/x" else PlainTextResponse(rest)

@router.delete("/{key}", status_code=204)
def delete(key: Annotated[str, Path(pattern="^[a-z]+$")]):
    pass

@router.get("/go")
def go():
    return RedirectResponse("/")

def guard(x_key: str = Header()):
    if x_key != "k":
        raise HTTPException(403)

app.include_router(router, prefix="/v1")
app.include_router(router, prefix="/guarded", dependencies=[Depends(guard)])
"""
JSON = [(b"content-type", b"application/json")]
FORM = [(b"content-type", b"application/x-www-form-urlencoded")]
PARTS = [(b"content-type", b"multipart/form-data; boundary=x")]
UPLOAD = (
    b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nab\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
)
INTEGER = "Input should be a valid integer, unable to parse string as an integer"
Headers = list[tuple[bytes, bytes]]


def fault(kind: str, place: list[str | int], text: str, value: Any, **context: Any) -> dict[str, Any]:
    found = {"type": kind, "loc": place, "msg": text, "input": value}
    return found | {"ctx": context} if context else found


ITEM = {"name": "ab", "price": 2, "tags": ["x"]}
ANSWERS: list[tuple[str, str, bytes, Headers, int, Any]] = [
    ("GET", "/", b"", [], 200, {"ok": True}),
    ("GET", "/items/5?q=a&tag=x&tag=y", b"", [], 200, {"id": 5, "q": "a", "limit": 10, "tag": ["x", "y"]}),
    ("GET", "/items/404", b"", [], 404, {"detail": "Item not found"}),
    ("GET", "/items/x?limit=101", b"", [], 422, {"detail": [
        fault("int_parsing", ["path", "item_id"], INTEGER, "x"),
        fault("less_than_equal", ["query", "limit"], "Input should be less than or equal to 100", 101, le=100),
    ]}),
    ("POST", "/items", json.dumps(ITEM).encode(), JSON, 201, {"name": "ab"}),
    ("POST", "/items", b'{"name": "a", "tags": 5}', JSON, 422, {"detail": [
        fault("string_too_short", ["body", "name"], "String should have at least 2 characters", "a", min_length=2),
        fault("missing", ["body", "price"], "Field required", {"name": "a", "tags": 5}),
        fault("list_type", ["body", "tags"], "Input should be a valid list", 5),
    ]}),
    ("POST", "/items", b"", JSON, 422, {"detail": [fault("missing", ["body"], "Field required", None)]}),
    ("POST", "/items", b"[1]", JSON, 422, {"detail": [fault(
        "model_attributes_type", ["body"],
        "Input should be a valid dictionary or object to extract fields from", [1])]}),
    ("PUT", "/two/k", json.dumps({"item": ITEM, "other": {"name": "o"}, "times": "3"}).encode(), JSON, 200,
     ["k", "ab", "o", 3]),
    ("PUT", "/two/k", b'{"item": {"name": "ab", "price": 0}}', JSON, 422, {"detail": [
        fault("greater_than", ["body", "item", "price"], "Input should be greater than 0", 0, gt=0),
        fault("missing", ["body", "other"], "Field required", {"item": {"name": "ab", "price": 0}}),
    ]}),
    ("PATCH", "/one", json.dumps({"item": ITEM}).encode(), JSON, 200, 2.0),
    ("POST", "/raw", b'{"a": 1}', [*JSON, (b"x-a", b"b")], 200, {"same": True, "agent": "b", "path": {}}),
    ("GET", "/needs?skip=2&limit=3", b"", [(b"x-token", b"t"), (b"cookie", b"session=s"), (b"user-agent", b"u")], 202,
     [3, True, "s", "u"]),
    ("GET", "/needs", b"", [], 422, {"detail": [fault("missing", ["header", "x-token"], "Field required", None)] * 2}),
    ("POST", "/form", b"name=ab", FORM, 200, {"name": "ab", "file": None, "of": None}),
    ("POST", "/form", UPLOAD, PARTS, 200, {"name": "ab", "file": "hello", "of": "a.txt"}),
    ("POST", "/form", b"", FORM, 422, {"detail": [fault("missing", ["body", "name"], "Field required", None)]}),
    ("GET", "/v1/notes/page", b"", [], 200, "<p>hi</p>"),
    ("GET", "/v1/notes/files/a/b", b"", [], 200, "a/b"),
    ("GET", "/v1/notes/files/data/x", b"", [], 200, "data"),
    ("DELETE", "/v1/notes/abc", b"", [], 204, ""),
    ("DELETE", "/v1/notes/A", b"", [], 422, {"detail": [fault(
        "string_pattern_mismatch", ["path", "key"], "String should match pattern '^[a-z]+$'", "A",
        pattern="^[a-z]+$")]}),
    ("GET", "/v1/notes/go", b"", [], 307, ""),
    ("GET", "/guarded/notes/page", b"", [(b"x-key", b"no")], 403, {"detail": "Forbidden"}),
    ("GET", "/guarded/notes/page", b"", [(b"x-key", b"k")], 200, "<p>hi</p>"),
    ("PUT", "/items", b"", [], 405, {"detail": "Method Not Allowed"}),
    ("GET", "/nowhere", b"", [], 404, {"detail": "Not Found"}),
    ("HEAD", "/", b"", [], 200, {"ok": True}),
]  # fmt: skip


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.fixture(scope="module")
def shop(language: Language) -> AppInEngine:
    files = {"app.py": (HEAD + APP).encode(), "data.txt": b"data"}
    assert scan_python("app.py", files) is None
    return AppInEngine(language, files)


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status", "answer"), ANSWERS, ids=[f"{row[0]} {row[1]}" for row in ANSWERS]
)
def test_an_app_of_fastapi_answers_as_there(
    shop: AppInEngine, method: str, target: str, body: bytes, headers: Headers, status: int, answer: Any
) -> None:
    answered = shop.call(method, target, body, headers)
    assert answered.status == status, (answered.detail, answered.body)
    assert (answered.body.decode() if isinstance(answer, str) else answered.json()) == answer


def test_headers_of_answers_and_what_runs_after_the_handler(shop: AppInEngine) -> None:
    shop.log.clear()
    assert shop.call("GET", "/items/404").all("x-why") == ["gone"]
    assert shop.call("GET", "/needs?skip=2", headers=[(b"x-token", b"t")]).all("x-skip") == ["2"]
    assert shop.call("POST", "/items", json.dumps(ITEM).encode(), JSON).all("content-type") == ["application/json"]
    assert [record["message"] for record in shop.log] == ["closed", "made ab"]
    assert json.loads(shop.state["item/ab"]) == {"name": "ab", "price": 2.0, "tags": ["x"]}
    assert shop.call("PUT", "/items").all("allow") == ["POST"]
    assert shop.call("GET", "/v1/notes/go").all("location") == ["/"]
    page = shop.call("GET", "/v1/notes/page")
    assert page.all("content-type") == ["text/html; charset=utf-8"]
    download = shop.call("GET", "/v1/notes/files/data/x")
    assert download.all("content-disposition") == ['attachment; filename="a.txt"']


def test_an_answer_that_does_not_fit_its_model_is_an_error_of_the_app(shop: AppInEngine) -> None:
    answered = shop.call("GET", "/bad-model")
    assert answered.code == "AppFailed"
    assert "the answer does not fit the response model" in answered.detail


REFUSED = [
    ("from fastapi import WebSocket", "fastapi.WebSocket is not in the layer that apps have"),
    ("from fastapi.middleware.cors import CORSMiddleware", "fastapi.middleware.cors. Its layer here has no such part"),
    ("from fastapi.staticfiles import StaticFiles", "Answer with `FileResponse(path)`"),
    ("from fastapi.security import HTTPBearer", "Apps do not see credentials"),
    ("from fastapi.responses import ORJSONResponse", "cannot import name 'ORJSONResponse'"),
    (
        "from pydantic import validator",
        "pydantic.validator is not in the part of pydantic that apps have: write @field",
    ),
    ("app.add_middleware(print)", "apps have no FastAPI.add_middleware: the platform is in front of the app"),
    ("@app.on_event('startup')\ndef start(): pass", "apps have no FastAPI.on_event: write it at the top of the file"),
    ("app.mount('/static', None)", "apps have no FastAPI.mount: use include_router"),
    ("app = FastAPI(lifespan=None)", "FastAPI takes no 'lifespan' in the layer"),
    ("@app.get('/x', callbacks=[])\ndef x(): pass", "a route takes no 'callbacks' in the layer"),
    ("@app.get('/x')\ndef x(a: Query): pass", "the parameter 'a' of x: apps cannot check the type"),
    ("class A(BaseModel):\n    a: int = Field(multiple_of=2)", "apps have no 'multiple_of' of a field"),
    ("class A(BaseModel, frozen=True): pass", "apps have no 'frozen' of a model's settings"),
]


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[row[0].splitlines()[0] for row in REFUSED])
def test_what_the_layer_lacks_is_said_at_load_with_the_line(language: Language, line: str, said: str) -> None:
    number = HEAD.count("\n") + line.count("\n    ") + 1
    with pytest.raises(RefusedError) as refused:
        AppInEngine(language, f"{HEAD}{line}\n")
    assert said in refused.value.message
    assert f"app.py, line {number}:" in refused.value.message


def test_models_judge_values_as_pydantic_does(language: Language) -> None:
    source = f"import json\nfrom genapps import app\n{SOURCE}\n@app.post('/')\nasync def judge(request):\n"
    source += "    return [judged(*case) for case in await request.json()]\n"
    answered = AppInEngine(language, source).call("POST", "/", json.dumps(CASES).encode())
    assert answered.status == 200, answered.detail
    package: dict[str, Any] = {"__name__": "judged_by_pydantic"}
    exec(compile(SOURCE, "model_cases", "exec"), package)
    package["OPTIONS"]["from_attributes"] = True  # as FastAPI asks it
    for case, ours in zip(CASES, answered.json(), strict=True):
        theirs = json.loads(json.dumps(package["judged"](*case)))
        assert ours == theirs, case


def test_an_app_without_it_does_not_load_it(language: Language) -> None:
    source = "import sys\nfrom genapps import app\n@app.get('/')\n"
    source += "def loaded(request):\n    return 'fastapi' in sys.modules\n"
    assert AppInEngine(language, source).call("GET", "/").json() is False
