import hashlib
import hmac
import secrets
from functools import wraps

from genapps import Response, app, redirect, state

USERS = {"ann": hashlib.sha256(b"pepper" + b"secret").hexdigest()}


def login_required(handler):
    @wraps(handler)
    async def wrapper(request, *args, **kwargs):
        session_id = request.cookies.get("session")
        session = await state.get(f"session/{session_id}") if session_id else None
        if session is None:
            return redirect("/login")
        request.session = session
        return await handler(request, *args, **kwargs)

    return wrapper


@app.get("/login")
async def login_page(request):
    return '<form method="post"><input name="user"><input name="password" type="password"><button>Log in</button></form>'


@app.post("/login")
async def login(request):
    form = await request.form()
    digest = hashlib.sha256(b"pepper" + form.get("password", "").encode()).hexdigest()
    if not hmac.compare_digest(USERS.get(form.get("user"), ""), digest):
        return "Wrong user or password", 403
    session_id = secrets.token_urlsafe(24)
    await state.put(f"session/{session_id}", {"user": form["user"], "visits": 0})
    response = redirect("/")
    response.set_cookie("session", session_id, httponly=True, samesite="strict")
    response.set_cookie("last_user", form["user"])
    return response


@app.get("/")
@login_required
async def home(request):
    request.session["visits"] += 1
    await state.put(f"session/{request.cookies['session']}", request.session)
    return {"hello": request.session["user"], "visits": request.session["visits"]}


@app.post("/logout")
@login_required
async def logout(request):
    await state.delete(f"session/{request.cookies['session']}")
    response = Response("bye")
    response.set_cookie("session", "", max_age=0)
    return response
