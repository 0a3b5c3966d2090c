from typing import Optional

from fastapi import FastAPI, HTTPException, status
from pydantic import BaseModel

app = FastAPI()


class Todo(BaseModel):
    title: str
    done: bool = False
    note: Optional[str] = None


todos: dict[int, Todo] = {}


@app.get("/todos")
async def list_todos(done: Optional[bool] = None):
    return [todo for todo in todos.values() if done is None or todo.done == done]


@app.post("/todos", status_code=status.HTTP_201_CREATED)
async def add_todo(todo: Todo):
    todos[len(todos) + 1] = todo
    return {"id": len(todos), **todo.model_dump()}


@app.get("/todos/{todo_id}")
async def get_todo(todo_id: int):
    if todo_id not in todos:
        raise HTTPException(status_code=404, detail="Todo not found")
    return todos[todo_id]
