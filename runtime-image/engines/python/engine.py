# SPDX-License-Identifier: Apache-2.0
"""The guest side of the Python engine: it implements the world of app.wit for apps written with `genapps`.

componentize-py runs this module once while it builds the component, and keeps the memory. Apps can import later
what is imported here.
"""

import inspect
import json
import os
import random
import sys
import time
import traceback
from types import CoroutineType
from typing import Any, Never

import wit_world
from componentize_py_types import Err

from bundle import Bundle, ModuleNotAvailable, preload
from genapps.actions import Action, current
from genapps.calls import Call, ToolError
from genapps.logs import Printed
from genapps.messages import BadRequest, Request, Response
from genapps.routes import NoHandlerError, app

preload()

_parsed = json.JSONDecoder().raw_decode  # the host writes no blanks around it
_quoted = json.encoder.encode_basestring_ascii
DETAIL_CHARACTERS = 1000
TRACE_CHARACTERS = 2000


def _no_waiting(seconds: float) -> Never:
    raise RuntimeError("time.sleep is not available to apps: an app may only wait for calls")


def _short_seed(a: Any = None, version: int = 2) -> None:
    """Seed `random` with 32 bytes.

    componentize-py seeds it anew in each instance. Python would draw 2.5 KB for that, which takes a microsecond a
    byte over the boundary. 32 bytes are as unpredictable.
    """
    _full_seed(os.urandom(32) if a is None else a, version)


time.sleep = _no_waiting  # type: ignore[assignment]
_full_seed, random.seed = random.seed, _short_seed


class Instance:
    """What lives as long as the WebAssembly instance: the actions that wait for their calls, and the app's log
    limit.
    """

    def __init__(self) -> None:
        self.running: dict[int, Action] = {}
        self.log_limit = 0


class WitWorld(wit_world.WitWorld):
    """The exports of the world; all texts are JSON.

    componentize-py makes a new object for each call, so lasting values are in `_INSTANCE`.
    """

    def load(self, bundle: str) -> str:
        """Load the app's files; returns its routes. Raises Err with code, message, file and line."""
        message = json.loads(bundle)
        _INSTANCE.log_limit = message["logBytes"]
        current.action = Action(0, _INSTANCE.log_limit)
        sys.stdout, sys.stderr = Printed("info"), Printed("warning")
        sys.path.clear()
        loaded = Bundle(message["entry"], message["files"])
        try:
            loaded.load()
        except ModuleNotAvailable as error:
            raise Err(json.dumps({"code": "ModuleNotAvailable", **_place(error, loaded)})) from None
        except BaseException as error:
            raise Err(json.dumps({"code": "CodeRejected", **_place(error, loaded)})) from None
        if not app.routes():
            detail = "the app registers no route; add one with @app.get(...) or @app.post(...)"
            raise Err(json.dumps({"code": "CodeRejected", "message": detail, "file": message["entry"], "line": 0}))
        return json.dumps({"routes": app.routes()})

    def start(self, action: str) -> str:
        """Begin an action with its request; returns its first turn."""
        message = _parsed(action)[0]
        started = Action(message["action"], _INSTANCE.log_limit)
        started.coroutine = _handle(Request(message["request"]))
        _INSTANCE.running[started.id] = started
        return self._advance(started, None)

    def resume(self, results: str) -> str:
        """Continue an action with the results of its calls, or cancel it; returns its next turn."""
        message = _parsed(results)[0]
        action = _INSTANCE.running[message["action"]]
        if message.get("cancel"):
            return self._cancel(action)
        return self._advance(action, message["results"])

    def fallback(self, action: str) -> str:
        """Not supported yet: always fails with NoFallback."""
        return json.dumps({"failed": {"code": "NoFallback"}})

    def _cancel(self, action: Action) -> str:
        """Nobody waits for the action any more: its `finally` clauses run, and calls that they make are ignored."""
        current.action = _INSTANCE.running.pop(action.id)
        try:
            action.coroutine.close()
        except BaseException as error:
            return _failed(error)
        return json.dumps({"failed": {"code": "Cancelled"}})

    def _advance(self, action: Action, answers: dict[str, Any] | None) -> str:
        current.action = action
        try:
            return _turn(action.coroutine.send(answers))
        except StopIteration:
            answer = _done(action)
        except BaseException as error:
            answer = _failed(error)
        del _INSTANCE.running[action.id]
        return answer


_INSTANCE = Instance()


class _Emit:
    """Gives one piece of a large body to the host."""

    def __init__(self, piece: dict[str, str]) -> None:
        self.piece = piece

    def __await__(self) -> Any:
        yield self.piece


async def _handle(request: Request) -> None:
    handler, places = app.find(request.method, request.path)
    answer = handler(request, **places)
    if type(answer) is CoroutineType or inspect.isawaitable(answer):
        answer = await answer
    response = answer if isinstance(answer, Response) else Response(answer)
    pieces = response.pieces()
    for piece in pieces[:-1]:
        await _Emit(piece)
    current.action.response = {
        "status": response.status,
        "headers": response.headers,
        "body": pieces[-1] if pieces else {"text": ""},
    }


def _turn(wanted: list[Call] | dict[str, str]) -> str:
    """What the coroutine yielded, as a turn; an app's own awaitables may yield anything."""
    if isinstance(wanted, dict):
        return json.dumps({"emit": wanted})
    return json.dumps({"calls": [{"id": call.id, call.kind: call.payload} for call in wanted]})


def _done(action: Action) -> str:
    """The last turn of an action.

    It is formatted by hand: it ends every request, and json.dumps would take half of the guest's time.
    """
    response = action.response
    headers = ",".join(f"[{_quoted(str(name))},{_quoted(str(value))}]" for name, value in response["headers"].items())
    ((kind, text),) = response["body"].items()
    writes = json.dumps(list(action.writes.items())) if action.writes else "[]"
    status = json.dumps(response["status"])
    body = f'{{"{kind}":{_quoted(text)}}}'
    return f'{{"done":{{"response":{{"status":{status},"headers":[{headers}],"body":{body}}},"writes":{writes}}}}}'


def _failed(error: BaseException) -> str:
    detail = str(error)[:DETAIL_CHARACTERS]
    if isinstance(error, NoHandlerError):
        return json.dumps({"failed": {"code": error.code, "detail": detail}})
    if isinstance(error, BadRequest):
        return json.dumps({"failed": {"code": "BadRequest", "detail": detail}})
    if isinstance(error, ToolError):
        return json.dumps({"failed": {"code": "ToolFailed", "detail": detail}})
    if isinstance(error, MemoryError):
        return '{"failed": {"code": "MemoryExceeded"}}'  # formatting a trace needs memory too
    name = type(error).__name__
    try:
        trace = "".join(traceback.format_exception(error))[-TRACE_CHARACTERS:]
    except BaseException:
        trace = ""
    return json.dumps({"failed": {"code": "AppFailed", "detail": f"{name}: {detail}", "trace": trace}})


def _place(error: BaseException, bundle: Bundle) -> dict[str, Any]:
    """Message, file and line of an error at load: the deepest frame in the app's own files."""
    file, line = bundle.entry, 0
    if isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno or 0
        message = f"{type(error).__name__}: {error.msg}"
    else:
        message = f"{type(error).__name__}: {error}" if not isinstance(error, ModuleNotAvailable) else str(error)
        for frame, number in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.removesuffix(".py") in bundle.sources:
                file, line = frame.f_code.co_filename, number
    return {"message": message[:4000], "file": file, "line": line}
