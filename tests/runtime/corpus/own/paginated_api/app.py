from genapps import BadRequest, app, state

BOOKS = [{"id": i, "title": f"Book {i}", "year": 1990 + i % 30} for i in range(1, 251)]


@app.post("/seed")
async def seed(request):
    for book in BOOKS:
        await state.put(f"book/{book['id']:06d}", book)
    return {"seeded": len(BOOKS)}


@app.get("/books")
async def list_books(request):
    try:
        limit = min(int(request.query.get("limit", 20)), 100)
    except ValueError:
        raise BadRequest("limit must be a number") from None
    if limit < 1:
        raise BadRequest("limit must be positive")
    cursor = request.query.get("cursor")
    page = await state.list("book/", limit=limit, cursor=cursor)
    headers = {}
    if page.cursor:
        headers["Link"] = f'</books?limit={limit}&cursor={page.cursor}>; rel="next"'
    return {"items": [book for _, book in page], "next": page.cursor}, 200, headers


@app.get("/books/pages/{number}")
async def by_page(request, number):
    size = 100
    books = [book async for _, book in state.scan("book/")]
    number = int(number)
    pages = -(-len(books) // size)
    return {"page": number, "pages": pages, "total": len(books), "items": [b["id"] for b in books[(number - 1) * size : number * size]][:2]}
