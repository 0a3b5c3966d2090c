"""A bare ASGI app with its own tiny router."""
import json
import re
from urllib.parse import parse_qs

from genapps import state

routes = []


def route(method, pattern):
    def decorator(func):
        routes.append((method, re.compile(f"^{pattern}$"), func))
        return func
    return decorator


async def read_body(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def send_json(send, status, payload):
    await send({"type": "http.response.start", "status": status, "headers": [[b"content-type", b"application/json"]]})
    await send({"type": "http.response.body", "body": json.dumps(payload).encode()})


@route("GET", r"/items/(?P<name>[^/]+)")
async def get_item(scope, receive, send, name):
    item = await state.get(f"item/{name}")
    await send_json(send, 200 if item else 404, item or {"error": "not found"})


@route("PUT", r"/items/(?P<name>[^/]+)")
async def put_item(scope, receive, send, name):
    await state.put(f"item/{name}", json.loads(await read_body(receive)))
    await send_json(send, 201, {"stored": name})


@route("GET", "/echo")
async def echo(scope, receive, send):
    headers = {k.decode(): v.decode() for k, v in scope["headers"]}
    await send_json(send, 200, {"query": parse_qs(scope["query_string"].decode()), "agent": headers.get("user-agent")})


async def app(scope, receive, send):
    assert scope["type"] == "http"
    for method, pattern, func in routes:
        if (match := pattern.match(scope["path"])) and scope["method"] == method:
            return await func(scope, receive, send, **match.groupdict())
    await send_json(send, 404, {"error": "no route"})
