import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

from genapps import app, state

user = ContextVar("user", default="anonymous")


class WithUser(logging.Filter):
    def filter(self, record):
        record.user = user.get()
        return True


logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(message)s")
audit = logging.getLogger("audit")
audit.addFilter(WithUser())


async def record(action, **details):
    now = datetime.now(UTC)
    audit.info("%s %s", action, json.dumps(details, sort_keys=True))
    await state.put(f"audit/{now:%Y%m%d%H%M%S%f}", {"who": user.get(), "action": action, **details})


@app.put("/settings/{name}")
async def change(request, name):
    user.set(request.headers.get("X-User", "anonymous"))
    old = await state.get(f"setting/{name}")
    new = await request.json()
    await state.put(f"setting/{name}", new)
    await record("changed", name=name, old=old, new=new)
    return {"old": old, "new": new}


@app.delete("/settings/{name}")
async def remove(request, name):
    user.set(request.headers.get("X-User", "anonymous"))
    try:
        if name == "locked":
            raise PermissionError(name)
        await state.delete(f"setting/{name}")
    except PermissionError:
        audit.exception("refused")
        return {"error": "locked"}, 403
    await record("removed", name=name)
    return "", 204


@app.get("/audit")
async def listed(request):
    return [entry async for _, entry in state.scan("audit/")]
