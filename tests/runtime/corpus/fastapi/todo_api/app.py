from typing import Optional

from fastapi import FastAPI, HTTPException, status
from genapps import state
from pydantic import BaseModel

app = FastAPI()


class Todo(BaseModel):
    title: str
    done: bool = False
    note: Optional[str] = None


@app.get("/todos")
async def list_todos(done: Optional[bool] = None):
    return [todo async for _, todo in state.scan("todo/") if done is None or todo["done"] == done]


@app.post("/todos", status_code=status.HTTP_201_CREATED)
async def add_todo(todo: Todo):
    number = await state.get("last", 0) + 1
    await state.put("last", number)
    await state.put(f"todo/{number}", todo)
    return {"id": number, **todo.model_dump()}


@app.get("/todos/{todo_id}")
async def get_todo(todo_id: int):
    todo = await state.get(f"todo/{todo_id}")
    if todo is None:
        raise HTTPException(status_code=404, detail="Todo not found")
    return todo
