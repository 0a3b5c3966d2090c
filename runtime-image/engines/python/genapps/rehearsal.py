# SPDX-License-Identifier: Apache-2.0
"""A rehearsal while the engine is built: an app of our own is loaded and answers requests, then all is put back.

Python specialises code that runs often, and allocates what it needs again and again. Done here, that is part of the
engine's memory, and no instance has to do it in a copy of its own. What an app can see is as it was before.
"""

import json
import linecache
import os
import random
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from bundle import APP_BUILTINS
from genapps.actions import current
from genapps.responses import plain_pairs
from genapps.routes import app

LOADS = 3
ROUNDS = 40
"""Python specialises an instruction after a few runs of it, and some only on the second attempt."""

_SOURCE = """
import datetime
import json
import re

from genapps import BadRequest, Response, app, gather, state


@app.get("/")
def hello(request):
    return {"hello": request.path}


@app.get("/items/{name}")
async def count(request, name):
    if "no" in request.query:
        raise BadRequest(name)
    value = await state.get(name, 0) + 1
    await state.put(name, value)
    return {"count": value, "agent": request.headers.get("user-agent", "")}


@app.get("/fail")
async def fail(request):
    return int(request.path)


@app.get("/all")
async def several(request):
    found = await gather(state.get("a"), state.list("b"))
    await state.delete("a")
    return Response(str(found), status=404, headers={"x-number": "1"})


@app.post("/items")
async def create(request):
    item = await request.json()
    await state.put(item["name"], item)
    return Response(item, status=201)
"""
_HEADERS = '{"host":"localhost","user-agent":"rehearsal"}'
_REQUESTS = (
    "1\0r\0GET\0/\0\0{}",
    "1\0r\0GET\0/items/a\0a=1\0{}",
    "1\0r\0GET\0/items/b\0a=%20&b=\0" + _HEADERS,
    "1\0r\0GET\0/items/c\0no\0{}",
    "1\0r\0GET\0/none\0\0{}",
    "1\0r\0GET\0/fail\0\0{}",
    "1\0r\0GET\0/all\0\0" + _HEADERS,
    '1\0r\0POST\0/items\0\0{}\0{"name": "a", "parts": [1, 2.5, null]}',
)


_FAILURES = tuple(f'{{"failed": {{"code": "{code}"' for code in ("BadRequest", "RouteNotFound", "AppFailed"))


class World(Protocol):
    """The exports of the engine that are rehearsed."""

    def load(self, bundle: str) -> str:
        """Load an app's files."""

    def start(self, action: str) -> str:
        """Begin an action."""

    def resume(self, results: str) -> str:
        """Continue an action."""


def rehearse(world: World) -> None:
    """Load the example and let it answer, several times. Raises RuntimeError when an answer is not the end."""
    os.environ.clear()  # those of the build; each instance would remove them one by one
    bundle = json.dumps({"entry": "app.py", "files": {"app.py": _SOURCE}, "logBytes": 0})
    for _ in range(LOADS):
        with _put_back():
            _begin()
            world.load(bundle)
            for _ in range(ROUNDS):
                for request in _REQUESTS:
                    _answer(world, request)


def _begin() -> None:
    """What componentize-py does at the first call of an instance: it sets the environment and seeds `random`."""
    assert isinstance(os.environ, Mapping)  # noqa: S101  it asks that too
    list(os.environ.keys())
    random.seed()


def _answer(world: World, request: str) -> None:
    turn = world.start(request)
    if turn.startswith("get"):
        turn = world.resume("1\x001\x0041")
    elif turn.startswith('{"calls"'):
        turn = world.resume('{"action":1,"results":{"1":{"ok":null},"2":{"ok":{"b/1":"[]"}}}}')
    if not turn.startswith(("200\x00", "201\x00", "404\x00", *_FAILURES)):
        raise RuntimeError(f"the rehearsal did not end as it should: {turn}")


@contextmanager
def _put_back() -> Iterator[None]:
    """Everything that a load and requests change in the interpreter, as it was before."""
    lists: list[list[Any]] = [sys.path, sys.meta_path, app._patterns, app._listed]  # noqa: SLF001
    tables: list[dict[Any, Any]] = [
        sys.modules,
        linecache.cache,
        *_pattern_caches(),
        app._exact,  # noqa: SLF001
        app._shapes,  # noqa: SLF001
        APP_BUILTINS,
    ]
    before = [held.copy() for held in lists], [table.copy() for table in tables]
    streams, action = (sys.stdout, sys.stderr), current.action
    yield
    for held, old in zip(lists, before[0], strict=True):
        held[:] = old
    for table, entries in zip(tables, before[1], strict=True):
        table.clear()
        table.update(entries)
    plain_pairs.cache_clear()
    sys.stdout, sys.stderr = streams
    current.action = action


def _pattern_caches() -> list[dict[Any, Any]]:
    return [re._cache, re._cache2]  # type: ignore[attr-defined]  # noqa: SLF001  there is no other way to them
