"""/remind and /roll for a chat system."""
import random
import re
import shlex
import time

from genapps import BadRequest, app, state


def reply(text, public=False):
    return {"response_type": "in_channel" if public else "ephemeral", "text": text}


async def remind(user, args):
    if len(args) < 2 or not (match := re.fullmatch(r"(\d+)([mh])", args[0])):
        return reply("Usage: /remind <10m|2h> <text>")
    minutes = int(match[1]) * (60 if match[2] == "h" else 1)
    key = f"reminder/{user}/{int(time.time()) + minutes * 60:012d}"
    await state.put(key, " ".join(args[1:]))
    return reply(f"I will remind you in {minutes} minutes: {' '.join(args[1:])}")


async def roll(user, args):
    match = re.fullmatch(r"(\d*)d(\d+)", args[0] if args else "1d6")
    if not match or not 1 <= int(match[1] or 1) <= 20:
        return reply("Usage: /roll 2d6")
    dice = [random.randint(1, int(match[2])) for _ in range(int(match[1] or 1))]
    return reply(f"@{user} rolled {sum(dice)} ({' + '.join(map(str, dice))})", public=True)


async def mine(user, args):
    found = await state.list(f"reminder/{user}/", limit=50)
    return reply("\n".join(f"• {text}" for _, text in found) or "Nothing.")


COMMANDS = {"/remind": remind, "/roll": roll, "/reminders": mine}


@app.post("/slash")
async def slash(request):
    form = await request.form()
    command, user = form["command"], form["user_name"]
    if command not in COMMANDS:
        raise BadRequest(f"unknown command {command}")
    try:
        args = shlex.split(form.get("text", ""))
    except ValueError as e:
        return reply(f"Cannot parse: {e}")
    return await COMMANDS[command](user, args)
