from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from genapps import app, Response

EVENTS = [
    {"uid": "standup", "title": "Stand-up; daily, short", "start": "2026-03-27T09:00", "minutes": 15, "count": 4},
    {"uid": "review", "title": "Review", "start": "2026-10-30T16:30", "minutes": 60, "count": 1},
]


def esc(text):
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def fmt(dt):
    return dt.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


@app.get("/calendar.ics")
def calendar(request):
    tz_name = request.query.get("tz", "Europe/Zurich")
    try:
        tz = ZoneInfo(tz_name)
    except (ZoneInfoNotFoundError, ValueError):
        return {"error": f"unknown time zone {tz_name}"}, 400
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//team//calendar//EN"]
    for event in EVENTS:
        for i in range(event["count"]):
            start = (datetime.fromisoformat(event["start"]) + timedelta(days=i)).replace(tzinfo=tz)
            lines += [
                "BEGIN:VEVENT",
                f"UID:{event['uid']}-{i}@example.com",
                f"DTSTART:{fmt(start)}",
                f"DTEND:{fmt(start + timedelta(minutes=event['minutes']))}",
                f"SUMMARY:{esc(event['title'])}",
                "END:VEVENT",
            ]
    lines.append("END:VCALENDAR")
    return Response("\r\n".join(lines) + "\r\n", content_type="text/calendar; charset=utf-8")
