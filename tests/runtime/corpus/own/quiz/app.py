import random
from dataclasses import dataclass
from typing import Optional
from uuid import UUID, uuid4

from genapps import app, state, BadRequest


@dataclass(frozen=True)
class Question:
    text: str
    answers: tuple[str, ...]
    right: int
    hint: Optional[str] = None


QUESTIONS = [
    Question("2 + 2 * 2?", ("6", "8"), 0),
    Question("Capital of Switzerland?", ("Zürich", "Bern", "Genf"), 1, "It has bears"),
    Question("HTTP status for a teapot?", ("404", "418", "500"), 1),
]


@app.post("/games")
async def start(request):
    game = uuid4()
    order = random.sample(range(len(QUESTIONS)), k=len(QUESTIONS))
    await state.put(f"game/{game}", {"order": order, "given": []})
    return {"game": game}, 201


@app.get("/games/{game}")
async def question(request, game):
    try:
        saved = await state.get(f"game/{UUID(game)}")
    except ValueError:
        raise BadRequest("not a game id")
    if saved is None:
        return {"error": "no such game"}, 404
    step = len(saved["given"])
    if step == len(QUESTIONS):
        right = sum(QUESTIONS[q].right == g for q, g in zip(saved["order"], saved["given"], strict=True))
        return {"finished": True, "score": f"{right}/{step}"}
    current = QUESTIONS[saved["order"][step]]
    return {"finished": False, "number": step + 1, "question": current.text, "answers": current.answers}


@app.post("/games/{game}/answer")
async def answer(request, game):
    saved = await state.get(f"game/{game}")
    if saved is None or len(saved["given"]) >= len(QUESTIONS):
        return {"error": "game over"}, 409
    match await request.json():
        case {"answer": int(given)}:
            saved["given"].append(given)
        case _:
            raise BadRequest('send {"answer": <number>}')
    await state.put(f"game/{game}", saved)
    return {"right": QUESTIONS[saved["order"][len(saved["given"]) - 1]].right == given}
