import html
from datetime import datetime, timezone

from genapps import Response, app, state

PAGE_SIZE = 3

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    message TEXT NOT NULL CHECK (length(message) <= 500),
    created_at TEXT NOT NULL
)
"""


async def init_db():
    await state.sql(SCHEMA)
    await state.sql("CREATE INDEX IF NOT EXISTS entries_by_name ON entries (name)")


@app.get("/")
async def index(request):
    await init_db()
    try:
        page = max(1, int(request.query.get("page", 1)))
    except ValueError:
        return {"error": "page must be a number"}, 400
    total = (await state.sql("SELECT COUNT(*) AS total FROM entries"))[0]["total"]
    pages = max(1, -(-total // PAGE_SIZE))
    rows = await state.sql(
        "SELECT id, name, message FROM entries ORDER BY id DESC LIMIT ? OFFSET ?", PAGE_SIZE, (page - 1) * PAGE_SIZE
    )
    items = "".join(
        f"<li id='{row['id']}'><b>{html.escape(row['name'])}</b>: {html.escape(row['message'])}</li>" for row in rows
    )
    links = "".join(f"<a href='/?page={number}'>{number}</a>" for number in range(1, pages + 1))
    return Response(
        f"<h1>Guest book ({total})</h1><ul>{items}</ul><nav>{links}</nav>"
        "<form method='post'><input name='name'><textarea name='message'></textarea><button>Sign</button></form>",
        content_type="text/html; charset=utf-8",
    )


@app.post("/")
async def sign(request):
    await init_db()
    form = await request.form()
    name, message = form.get("name", "").strip(), form.get("message", "").strip()
    if not name or not message:
        return {"error": "name and message are required"}, 400
    await state.sql(
        "INSERT INTO entries (name, message, created_at) VALUES (:name, :message, :at)",
        {"name": name[:80], "message": message[:500], "at": datetime.now(timezone.utc)},
    )
    return "", 303, {"Location": "/"}


@app.delete("/entries/{entry_id}")
async def delete(request, entry_id):
    await init_db()
    result = await state.sql("DELETE FROM entries WHERE id = ?", int(entry_id))
    return {"deleted": result.rowcount}, 200 if result.rowcount else 404


@app.get("/entries/by/{name}")
async def by_name(request, name):
    await init_db()
    return {"name": name, "count": len(await state.sql("SELECT id FROM entries WHERE name = ?", name))}
