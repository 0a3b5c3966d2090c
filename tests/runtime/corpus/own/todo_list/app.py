from genapps import app, state
from html import escape
import uuid

PAGE = """<!DOCTYPE html>
<html>
<head><title>To-do</title></head>
<body>
<h1>My to-do list</h1>
<form method="post" action="/add">
  <input name="title" placeholder="What needs to be done?" required>
  <button>Add</button>
</form>
<ul>{items}</ul>
<p>{open} open, {done} done</p>
</body>
</html>"""


async def load():
    return await state.get("todos", [])


@app.get("/")
async def index(request):
    todos = await load()
    items = "".join(
        f'<li class="{"done" if t["done"] else "open"}">{escape(t["title"])}'
        f'<form method="post" action="/toggle/{t["id"]}"><button>Toggle</button></form></li>'
        for t in todos
    )
    done = sum(1 for t in todos if t["done"])
    return PAGE.format(items=items, open=len(todos) - done, done=done)


@app.post("/add")
async def add(request):
    form = await request.form()
    title = form.get("title", "").strip()
    if not title:
        return "Title is required", 400
    todos = await load()
    todos.append({"id": str(uuid.uuid4()), "title": title, "done": False})
    await state.put("todos", todos)
    return "", 303, {"Location": "/"}


@app.post("/toggle/{todo_id}")
async def toggle(request, todo_id):
    todos = await load()
    for todo in todos:
        if todo["id"] == todo_id:
            todo["done"] = not todo["done"]
            await state.put("todos", todos)
            return "", 303, {"Location": "/"}
    return {"error": "not found"}, 404
