from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus

from genapps import BadRequest, app, log, state


class Status(StrEnum):
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


ALLOWED = {Status.SUBMITTED: {Status.APPROVED, Status.REJECTED}}


@dataclass
class Expense:
    id: int
    who: str
    amount: Decimal
    status: Status = Status.SUBMITTED
    decided: datetime | None = None


async def load(expense_id) -> Expense | None:
    saved = await state.get(f"expense/{expense_id}")
    if saved is None:
        return None
    return Expense(saved["id"], saved["who"], Decimal(saved["amount"]), Status(saved["status"]), saved["decided"])


@app.post("/expenses")
async def submit(request):
    body = await request.json()
    amount = Decimal(str(body["amount"]))
    if amount <= 0:
        raise BadRequest("the amount must be positive")
    number = await state.get("number", 0) + 1
    await state.put("number", number)
    expense = Expense(number, body["who"], amount)
    await state.put(f"expense/{number}", expense)
    return expense, HTTPStatus.CREATED


@app.post("/expenses/{expense_id}/{action}")
async def decide(request, expense_id, action):
    expense = await load(expense_id)
    if expense is None:
        return {"error": "no such expense"}, HTTPStatus.NOT_FOUND
    try:
        target = {"approve": Status.APPROVED, "reject": Status.REJECTED}[action]
    except KeyError:
        raise BadRequest("approve or reject")
    if target not in ALLOWED.get(expense.status, set()):
        return {"error": f"is {expense.status} already"}, HTTPStatus.CONFLICT
    expense = replace(expense, status=target, decided=datetime.now(timezone.utc))
    await state.put(f"expense/{expense_id}", expense)
    log.info("decided", id=expense.id, status=target)
    return expense


@app.get("/expenses")
async def listed(request):
    wanted = request.query.get("status")
    found = [e async for _, e in state.scan("expense/") if wanted in (None, e["status"])]
    return {"total": sum(Decimal(e["amount"]) for e in found), "expenses": [e["id"] for e in found]}
