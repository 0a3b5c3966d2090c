"""ASGI with lifespan, middlewares for timing and CORS, and a streamed answer."""
import asyncio
import time
from contextlib import asynccontextmanager


class Timing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start = time.perf_counter()

        async def timed(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"server-timing", f"app;dur={time.perf_counter() - start:.6f}".encode())]
            await send(message)

        await self.app(scope, receive, timed)


class Cors:
    def __init__(self, app, origin="*"):
        self.app, self.origin = app, origin.encode()

    async def __call__(self, scope, receive, send):
        async def with_cors(message):
            if message["type"] == "http.response.start":
                message["headers"] = list(message.get("headers", [])) + [(b"access-control-allow-origin", self.origin)]
            await send(message)

        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await with_cors({"type": "http.response.start", "status": 204, "headers": [(b"access-control-allow-methods", b"GET")]})
            await send({"type": "http.response.body"})
        else:
            await self.app(scope, receive, with_cors)


async def core(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                scope["state"]["ready"] = "yes"
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    for n in range(3):
        await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": f"line {n} {scope['state']['ready']}\n".encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


app = Timing(Cors(core, "https://example.com"))
