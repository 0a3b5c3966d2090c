# SPDX-License-Identifier: Apache-2.0
"""The guest side of the Python engine: it implements the world of app.wit for apps written with `genapps`.

componentize-py runs this module once while it builds the component, and keeps the memory. Apps can import later
what is imported here.
"""

import asyncio
import inspect
import json
import os
import random
import sys
import traceback
from collections.abc import Awaitable
from types import AsyncGeneratorType, CoroutineType
from typing import Any

import wit_world
from componentize_py_types import Err
from wit_world.imports import host

import stdlib
from app_modules import ModuleNotAvailable
from bundle import Bundle, keep_builtins
from genapps import loop, turns, workers
from genapps.actions import Action, current
from genapps.advice import advise
from genapps.calls import ToolError
from genapps.encoding import from_json, to_json
from genapps.errors import BadRequest, BodyTooLongError
from genapps.fields import headers_of
from genapps.foreign import adopt
from genapps.heap import lay_out
from genapps.immediate import RequestEndedError
from genapps.logs import Printed, log
from genapps.long_bodies import LongBody
from genapps.messages import Request
from genapps.rehearsal import rehearse
from genapps.responses import INLINE_BYTES, JSON_TYPE, Response, is_plain, response_of
from genapps.routes import NoHandlerError, app, exact_handler
from genapps.streaming import ENDED, send_all

stdlib.prepare()
keep_builtins()
sys.modules["workers"] = workers

_parsed = json.JSONDecoder().raw_decode  # the host writes no blanks around it
# Kinds of answers that nobody awaits. Asking `isawaitable` costs as much as making the turn.
_NO_AWAITABLES = frozenset({dict, str, list, Response, bytes, int, float, bool, tuple, type(None)})
DETAIL_CHARACTERS = 1000
TRACE_CHARACTERS = 2000


def _short_seed(a: Any = None, version: int = 2) -> None:
    """Seed `random` with 32 bytes.

    componentize-py seeds it anew in each instance. Python would draw 2.5 KB for that, which takes a microsecond a
    byte over the boundary. 32 bytes are as unpredictable; as a number they need no hash.
    """
    _full_seed(int.from_bytes(os.urandom(32)) if a is None else a, version)


_full_seed, random.seed = random.seed, _short_seed


def _seed_from_host() -> None:
    """Seed `random` for an action that may run again: the host gives it the same number then.

    As one text it costs half of what bytes do.
    """
    _full_seed(int(host.random(16), 16))


class Instance:
    """What lives as long as the WebAssembly instance: the actions that wait for their calls, and the app's log
    limit.
    """

    def __init__(self) -> None:
        self.running: dict[int, Action] = {}
        self.log_limit = 0
        self.repeats = False
        """Whether the app may call tools without await: the host then tells each attempt at an action the same."""


class WitWorld(wit_world.WitWorld):
    """The exports of the world; texts are JSON or in the compact form (docs/contracts).

    componentize-py makes a new object for each call, so lasting values are in `_INSTANCE`.
    """

    def load(self, bundle: str) -> str:
        """Load the app's files; returns its routes. Raises Err with code, message, file and line."""
        message = from_json(bundle)
        _INSTANCE.log_limit = message["logBytes"]
        _INSTANCE.repeats = "call_sync" in bundle
        current.action = Action(0, _INSTANCE.log_limit)
        sys.stdout, sys.stderr = Printed("info"), Printed("warning")
        sys.path.clear()
        stdlib.enter(message["entry"], message["files"] | message.get("data", {}))
        files = message["files"]
        try:
            loaded = Bundle(message["entry"], files, message.get("data", ()))
            adopt(vars(loaded.load()))
        except ModuleNotAvailable as error:
            raise Err(to_json({"code": "ModuleNotAvailable", **_place(error, message)})) from None
        except BaseException as error:
            raise Err(to_json({"code": "CodeRejected", **_place(error, message)})) from None
        if loaded.awaits:
            loop.install()
        routes = app.routes()
        if not routes:
            detail = "the app registers no route; add one with @app.get(...) or @app.post(...)"
            raise Err(to_json({"code": "CodeRejected", "message": detail, "file": message["entry"], "line": 0}))
        advise((path, files[path]) for path in loaded.own_files())
        return to_json({"routes": routes})

    def start(self, action: str) -> str:
        """Begin an action with its request; returns its first turn."""
        number, request = _request(action)
        current.action = started = Action(number, _INSTANCE.log_limit)
        if _INSTANCE.repeats:
            _seed_from_host()
        try:
            handler = exact_handler((request.method, request.path))
            if handler is not None and request.method != "HEAD":
                answer = handler(request)
            else:
                handler, places = app.find(request.method, request.path)
                answer = handler(request, **places)
            if type(answer) is CoroutineType:
                started.coroutine = answer
            elif type(answer) not in _NO_AWAITABLES and inspect.isawaitable(answer):
                started.coroutine = _awaited(answer)
        except BaseException as error:
            return _failed(error)
        if started.coroutine is None:
            return _answered(started, answer)
        if current.loop is None:
            return _advance(started, None)
        current.loop.begin(started, started.coroutine)
        return _stepped(started)

    def resume(self, results: str) -> str:
        """Continue an action with the results of its calls, or cancel it; returns its next turn."""
        if _INSTANCE.repeats:
            _seed_from_host()
        if results[0] != "{":
            number, call, *value = results.split("\0", 2)
            action = current.action = _INSTANCE.running[int(number)]
            return _go_on(action, {call: {"ok": value[0] if value else None}})
        message = _parsed(results)[0]
        action = current.action = _INSTANCE.running[message["action"]]
        if message.get("cancel"):
            return _cancel(action)
        return _go_on(action, message["results"])

    def fallback(self, action: str) -> str:
        """Begin the app's own fallback for a request; otherwise like `start`."""
        number, request = _request(action)
        current.action = started = Action(number, _INSTANCE.log_limit)
        started.coroutine = _own_fallback(request)
        if current.loop is None:
            return _advance(started, None)
        current.loop.begin(started, started.coroutine)
        return _stepped(started)


_INSTANCE = Instance()


def _request(action: str) -> tuple[int, Request]:
    """The number of an action and its request, from either form."""
    if action[0] != "{":
        number, request_id, method, path, query, headers, *body = action.split("\0", 6)
        return int(number), Request(request_id, method, path, query, headers, {"text": body[0]} if body else None)
    message = _parsed(action)[0]
    raw = message["request"]
    request = Request(raw["requestId"], raw["method"], raw["path"], raw["query"], "", raw.get("body"))
    request.headers = headers_of(raw["headers"])
    request._chunks = raw.get("bodyChunks", 0)  # noqa: SLF001  only here is it more than one
    if "bodyInPieces" in raw:
        request.long_body = LongBody()
    return message["action"], request


def _go_on(action: Action, results: dict[str, Any]) -> str:
    """The next turn of an action that has got results."""
    if action.rest is not None:
        return _piece(action)
    if action.task is None:
        return _advance(action, results)
    if not action.task.done():
        current.loop.step(action, results)
    return _stepped(action)


async def _own_fallback(request: Request) -> Any:
    answer = app.own_fallback()(request)
    return await answer if inspect.isawaitable(answer) else answer


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def _advance(action: Action, results: dict[str, Any] | None) -> str:
    """Run the handler until it waits for calls, answers or fails."""
    running = _INSTANCE.running
    assert action.coroutine is not None  # noqa: S101  only handlers that wait come here
    try:
        turn = turns.calls(action.coroutine.send(results))
    except StopIteration as end:
        answer = end.value
    except BaseException as error:
        running.pop(action.id, None)
        return _failed(error)
    else:
        running[action.id] = action
        return turn
    running.pop(action.id, None)
    return _answered(action, answer)  # not above: what it raises would be told with the StopIteration


def _answered(action: Action, answer: Any) -> str:
    """The turn for what the handler has returned."""
    try:
        if type(answer) is not dict:
            if type(answer) is str and is_plain(answer):
                if not action.writes:
                    return turns.TEXT_DONE + answer
                return turns.done(200, turns.TEXT_HEADERS, answer, action.writes)
            if answer is ENDED:
                return turns.end(action.writes)
            response = answer if isinstance(answer, Response) else response_of(answer)
            if response.pieces is not None:
                return _stream(action, response)
            sent = response.sent()
        elif len(text := to_json(answer)) <= INLINE_BYTES:  # a small dictionary, the most frequent answer
            if not action.writes:
                return turns.JSON_DONE + text
            return turns.done(200, turns.JSON_HEADERS, text, action.writes)
        else:
            sent = Response(text, content_type=JSON_TYPE).sent()
    except BaseException as error:
        return _failed(error)
    pieces = sent[2]
    if len(pieces) == 1 and "text" in pieces[0]:
        return turns.done(sent[0], sent[1], pieces[0]["text"], action.writes)
    action.rest = sent
    return _piece(action)


def _stream(action: Action, response: Response) -> str:
    """The first turn of an answer that leaves piece by piece: what sends it goes on like a handler."""
    action.coroutine = send_all(response)
    if current.loop is None:
        return _advance(action, None)
    current.loop.begin(action, action.coroutine)
    return _stepped(action)


def _stepped(action: Action) -> str:
    """The turn of an action that has run in the event loop as far as it can."""
    loop, task = current.loop, action.task
    running = _INSTANCE.running
    if not task.done():
        running[action.id] = action
        wanted, cancelled, woken = loop.wants(action)
        return turns.wait(wanted, cancelled, woken, len(action.waiting))
    if action.ready is not None:
        if (response := _streamed(task)) is not None:
            loop.go_on(action, send_all(response))  # what the handler has left running may make the pieces
            return _stepped(action)
        left = loop.end(action)
        if left:
            log.warning("tasks were still running when the request was answered; they are cancelled", tasks=left)
        woken = loop.woken(action)
        if woken:
            running[action.id] = action
            return turns.wait([], [], [*woken, action.id], 0)
    running.pop(action.id, None)
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    return _answered(action, task.result()) if error is None else _failed(error)


def _streamed(task: asyncio.Task[Any]) -> Response | None:
    """What a task answers, if that leaves piece by piece."""
    if task.cancelled() or task.exception() is not None:
        return None
    answer = task.result()
    if type(answer) is dict or type(answer) is str or answer is ENDED:
        return None
    if type(answer) is AsyncGeneratorType:
        return Response(answer)
    return answer if isinstance(answer, Response) and answer.pieces is not None else None


def _piece(action: Action) -> str:
    """The turn for the next piece of the body; the last one ends the action."""
    assert action.rest is not None  # noqa: S101  only answered actions come here
    status, headers, pieces = action.rest
    if len(pieces) > 1:
        _INSTANCE.running[action.id] = action
        return turns.emit(pieces.pop(0))
    _INSTANCE.running.pop(action.id, None)
    ((kind, text),) = pieces[0].items() if pieces else (("text", ""),)
    return turns.done(status, headers, text, action.writes, kind)


def _cancel(action: Action) -> str:
    """Nobody waits for the action any more: its `finally` clauses run, and calls that they make are ignored."""
    del _INSTANCE.running[action.id]
    try:
        if action.task is not None:
            if not action.task.done():
                current.loop.end(action)
        elif action.coroutine is not None:
            action.coroutine.close()
    except BaseException as error:
        return _failed(error)
    return json.dumps({"failed": {"code": "Cancelled"}})


def _failed(error: BaseException) -> str:
    detail = str(error)[:DETAIL_CHARACTERS]
    if isinstance(error, NoHandlerError):
        return to_json({"failed": {"code": error.code, "detail": detail}})
    if isinstance(error, BadRequest):
        return to_json({"failed": {"code": "BadRequest", "detail": detail}})
    if isinstance(error, BodyTooLongError):
        return to_json({"failed": {"code": "RequestTooLarge", "detail": detail}})
    if isinstance(error, ToolError):
        return to_json({"failed": {"code": "ToolFailed", "detail": detail}})
    if isinstance(error, MemoryError):
        return '{"failed": {"code": "MemoryExceeded"}}'  # formatting a trace needs memory too
    if isinstance(error, RequestEndedError):
        return '{"failed": {"code": "AppFailed"}}'  # the host knows why
    name = type(error).__name__
    try:
        trace = "".join(traceback.format_exception(error))[-TRACE_CHARACTERS:]
    except BaseException:
        trace = ""
    return to_json({"failed": {"code": "AppFailed", "detail": f"{name}: {detail}", "trace": trace}})


def _place(error: BaseException, bundle: dict[str, Any]) -> dict[str, Any]:
    """Message, file and line of an error at load: the deepest frame in the app's own files."""
    file, line = bundle["entry"], 0
    if isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno or 0
        message = f"{type(error).__name__}: {error.msg}"
    else:
        message = f"{type(error).__name__}: {error}" if not isinstance(error, ModuleNotAvailable) else str(error)
        for frame, number in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in bundle["files"]:
                file, line = frame.f_code.co_filename, number
    return {"message": message[:4000], "file": file, "line": line}


rehearse(WitWorld())
_INSTANCE.log_limit = 0
lay_out()
