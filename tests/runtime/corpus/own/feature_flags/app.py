import hashlib
import tomllib

from genapps import BadRequest, app, state

DEFAULTS = tomllib.loads("""
[dark_mode]
enabled = true
rollout = 100

[new_checkout]
enabled = true
rollout = 30
users = ["ann"]
""")


def bucket(flag, user):
    return int(hashlib.sha1(f"{flag}:{user}".encode()).hexdigest(), 16) % 100


async def flags():
    saved = {key.removeprefix("flag/"): value async for key, value in state.scan("flag/")}
    return DEFAULTS | saved


@app.get("/flags/{user}")
async def for_user(request, user):
    return {
        name: flag["enabled"] and (user in flag.get("users", ()) or bucket(name, user) < flag["rollout"])
        for name, flag in (await flags()).items()
    }


@app.patch("/flags/{name}")
async def change(request, name):
    known = await flags()
    if name not in known:
        return {"error": f"no flag {name}"}, 404
    changes = await request.json()
    if not isinstance(changes, dict) or changes.keys() - {"enabled", "rollout", "users"}:
        raise BadRequest("enabled, rollout and users can be changed")
    await state.put(f"flag/{name}", {**known[name], **changes})
    return await state.get(f"flag/{name}")
