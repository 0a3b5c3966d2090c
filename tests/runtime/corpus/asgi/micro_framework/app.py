"""The kind of framework that is written in one answer: request and response classes over ASGI."""
from __future__ import annotations

import json
from http.cookies import SimpleCookie
from typing import Any, Awaitable, Callable
from urllib.parse import parse_qsl

from genapps import state


class HTTPException(Exception):
    def __init__(self, status_code: int, detail: str = ""):
        self.status_code, self.detail = status_code, detail


class Request:
    def __init__(self, scope, receive):
        self.scope, self._receive = scope, receive
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.query_params = dict(parse_qsl(scope["query_string"].decode()))
        self.cookies = {k: m.value for k, m in SimpleCookie(self.headers.get("cookie", "")).items()}

    async def body(self) -> bytes:
        chunks = []
        while True:
            message = await self._receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(chunks)

    async def json(self) -> Any:
        return json.loads(await self.body())


class JSONResponse:
    def __init__(self, content, status_code=200, headers=None):
        self.body = json.dumps(content, ensure_ascii=False).encode()
        self.status_code, self.headers = status_code, headers or {}

    async def __call__(self, scope, receive, send):
        raw = [(b"content-type", b"application/json"), (b"content-length", str(len(self.body)).encode())]
        raw += [(k.lower().encode(), v.encode()) for k, v in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status_code, "headers": raw})
        await send({"type": "http.response.body", "body": self.body})


class MicroAPI:
    def __init__(self):
        self.handlers: dict[tuple[str, str], Callable[..., Awaitable[Any]]] = {}

    def get(self, path):
        return lambda f: self.handlers.setdefault(("GET", path), f)

    def post(self, path):
        return lambda f: self.handlers.setdefault(("POST", path), f)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        try:
            handler = self.handlers.get((scope["method"], scope["path"]))
            if handler is None:
                raise HTTPException(404, "Not Found")
            result = await handler(Request(scope, receive))
            response = result if isinstance(result, JSONResponse) else JSONResponse(result)
        except HTTPException as e:
            response = JSONResponse({"detail": e.detail}, e.status_code)
        await response(scope, receive, send)


app = MicroAPI()


@app.post("/scores")
async def add_score(request: Request):
    data = await request.json()
    if not isinstance(data.get("points"), int):
        raise HTTPException(422, "points must be an integer")
    scores = sorted([*await state.get("scores", []), [data["points"], data["name"]]], reverse=True)[:3]
    await state.put("scores", scores)
    return JSONResponse({"rank": scores.index([data["points"], data["name"]]) + 1}, 201, {"Set-Cookie": f"name={data['name']}"})


@app.get("/scores")
async def scores(request: Request):
    limit = int(request.query_params.get("limit", 3))
    return {"scores": (await state.get("scores", []))[:limit], "you": request.cookies.get("name")}
