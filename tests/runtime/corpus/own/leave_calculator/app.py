from __future__ import annotations

import calendar
from datetime import date, timedelta

from genapps import BadRequest, app

HOLIDAYS = {date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 12, 25)}


def workdays(start: date, end: date) -> list[date]:
    days = (end - start).days + 1
    return [d for d in (start + timedelta(n) for n in range(days)) if d.weekday() < 5 and d not in HOLIDAYS]


def parse(request, name: str) -> date:
    value = request.query.get(name)
    if not value:
        raise BadRequest(f"parameter {name} is missing")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from error


@app.get("/leave")
def leave(request):
    start, end = parse(request, "from"), parse(request, "to")
    if end < start:
        raise BadRequest("'to' is before 'from'")
    if end - start > timedelta(days=366):
        raise BadRequest("at most one year")
    days = workdays(start, end)
    by_month = {}
    for day in days:
        by_month.setdefault(calendar.month_name[day.month], []).append(day)
    return {"from": start, "to": end, "days": len(days), "length": end - start, "months": {m: len(d) for m, d in by_month.items()}}


@app.get("/year/{year}")
def year(request, year):
    text = calendar.TextCalendar(calendar.MONDAY).formatmonth(int(year), 2)
    return {"leap": calendar.isleap(int(year)), "february": text.splitlines()[0].strip()}
