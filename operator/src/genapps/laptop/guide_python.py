# SPDX-License-Identifier: Apache-2.0
"""What a code generator is told about apps in Python. Tests run each example in the engine."""

from __future__ import annotations

from collections.abc import Iterator

from genapps.api.modules import AVAILABLE, FRAMEWORKS, LIMITED, PACKAGES, WORKERS

START = """\
Write one file `app.py`, or a few files beside it. It answers HTTP requests as a WebAssembly guest
(CPython 3.14), without sockets, processes, threads and environment variables.

```python
from genapps import BadRequest, app, log, state


@app.get("/notes/{name}")
async def read(request, name):
    return await state.get(f"note/{name}", {"text": ""})


@app.put("/notes/{name}")
async def write(request, name):
    note = await request.json()
    if not isinstance(note, dict) or not isinstance(note.get("text"), str):
        raise BadRequest("Send an object with a text.")
    await state.put(f"note/{name}", {"text": note["text"]})
    log.info("written", name=name)
    return {"written": name}, 201


@app.delete("/notes/{name}")
async def remove(request, name):
    if await state.get(f"note/{name}") is None:
        return {"error": "no such note"}, 404
    await state.delete(f"note/{name}")
    return "", 204


@app.get("/notes")
async def names(request):
    return [key.removeprefix("note/") async for key, _ in state.scan("note/")]
```

## API

- Routes: `@app.get(path)`, `post`, `put`, `patch`, `delete`. `{name}` matches one segment of the
  path, `{rest:path}` the rest of it. Both are passed by name, after `request`.
- Request: `request.method`, `.path`, `.query` (a dictionary), `.headers`, `.cookies`, `.id`, and
  `await request.json()`, `.text()`, `.body()`, `.form()`.
- Answer: what JSON can hold, a text (HTML when it begins with a tag), bytes, `(body, status)`,
  `(body, status, headers)`, or `Response(body, status=200, headers={}, content_type=None)`. Also
  `html(text)`, `redirect(url)`, `file(body, name)`.
- Errors: `raise BadRequest("what to do")` answers 400. Any other exception answers 500, and its text
  goes into the log only.
- `log.info("message", name=value)`; `print` and `logging` go to the same place.
- Files below `public/` are served as they are: `public/index.html` is the page at `/`.

## State

`await state.get(key, default)`, `state.put(key, value)`, `state.delete(key)`, and `async for key,
value in state.scan(prefix)`. Values are JSON. Or tables of SQLite:

```python
from genapps import app, state


@app.post("/guests/{name}")
async def add(request, name):
    await state.sql("CREATE TABLE IF NOT EXISTS guests (name TEXT PRIMARY KEY)")
    await state.sql("INSERT OR IGNORE INTO guests VALUES (?)", name)
    return {"added": name}


@app.get("/guests")
async def guests(request):
    await state.sql("CREATE TABLE IF NOT EXISTS guests (name TEXT PRIMARY KEY)")
    return await state.sql("SELECT name FROM guests ORDER BY name")
```

- All writes of a request are stored together, before the answer; none when it fails.
- A handler may run more than once for one request: do nothing that must not happen twice, except by
  state and tools.
- An object at the top of a file (`items = []`) is lost at any time. Keep data in state.
- Use `await asyncio.sleep(seconds)`, never `time.sleep`. There is no `asyncio.run`: write `await`.
"""

TOOLS = """\
The app reaches other services by tools of connectors only. `await tools.call(connector, tool,
{**arguments})` returns the result. It raises `ToolError` with `.code`, `.cls`, `.detail` and
`.retry_after`. `await gather(one, two)` makes calls at the same time.

```python
from genapps import ToolError, app, gather, tools


async def rate(currency):
    try:
        return await tools.call("fx-rates", "latest", currency=currency)
    except ToolError as error:
        return {"failed": error.code}


@app.get("/rates")
async def rates(request):
    euro, dollar = await gather(rate("EUR"), rate("USD"))
    return {"EUR": euro, "USD": dollar}
```
"""


def modules() -> Iterator[str]:
    """What can be imported, and what to use in place of the rest."""
    yield "An app can import its own files, `genapps`, and of Python's standard library:"
    yield ""
    yield ", ".join(sorted(name for name in (*AVAILABLE, *LIMITED) if "." not in name)) + "."
    yield ""
    yield f"Also, as layers with the most common part: {', '.join((WORKERS, *FRAMEWORKS))}."
    yield ""
    yield "With limits:"
    yield ""
    yield from (f"- `{name}`: {limit}" for name, limit in sorted(LIMITED.items()))
    yield ""
    yield "Nothing else. In place of packages:"
    yield ""
    instead: dict[str, list[str]] = {}
    for name, sentence in PACKAGES.items():
        instead.setdefault(sentence, []).append(name)
    yield from (f"- {', '.join(names)}: {sentence}" for sentence, names in instead.items())
