# SPDX-License-Identifier: Apache-2.0
"""From a handler's signature to its arguments: a plan is made once, and carried out for each request."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from copy import copy
from typing import Any

from genapps.errors import BadRequest
from genapps.fields import Values
from pydantic import BaseModel
from pydantic.checks import Check, bounded, check_of
from pydantic.errors import Unfit, unfit

from .params import BackgroundTasks, Body, Depends, File, Header, Param, Path, Query, UploadFile
from .responses import Request, Response

_IN_BODY = frozenset({"body", "form", "file"})
_JSON = re.compile(r"\s*application/(?:[^;\s]+\+)?json\s*(?:;|\Z)", re.IGNORECASE)


class Place:
    """One parameter of a handler: where its value comes from, and what it must be."""

    def __init__(self, name: str, kind: Any, param: Param) -> None:
        self.name = name
        self.param = param
        self.key = param.alias or (name.replace("_", "-") if isinstance(param, Header) else name)
        self.many = _bare(kind) in (list, set)
        self.check: Check = (lambda value, _place: value) if isinstance(param, File) else check_of(kind)
        self.check = bounded(self.check, [param])


class Plan:
    """How a function gets its arguments. Raises TypeError for a parameter that nothing can be given for."""

    def __init__(self, function: Callable[..., Any], path: frozenset[str]) -> None:
        self.function = function
        self.places: list[Place] = []
        self.special: dict[str, type] = {}
        self.needs: dict[str, Plan] = {}
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                try:
                    self._add(name, parameter, path)
                except TypeError as error:
                    raise TypeError(f"the parameter {name!r} of {function.__name__}: {error}") from None
        bodies = [place for place in self.places if place.param.source == "body"]
        self.whole = len(bodies) == 1 and not bodies[0].param.embed
        """Whether the body is the one parameter itself, and no object with names."""
        self.sources = {place.param.source for place in self.places}
        self.sources.update(*(plan.sources for plan in self.needs.values()))

    def _add(self, name: str, parameter: inspect.Parameter, path: frozenset[str]) -> None:
        default, hint = parameter.default, parameter.annotation
        hint = (str if name in path else Any) if hint is parameter.empty else hint
        told = [*getattr(hint, "__metadata__", ()), default]
        kind = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        if (depends := next((one for one in told if isinstance(one, Depends)), None)) is not None:
            self.needs[name] = Plan(depends.dependency or kind, path)
        elif isinstance(kind, type) and issubclass(kind, Request | Response | BackgroundTasks):
            self.special[name] = kind
        else:
            said = next((one for one in told if isinstance(one, Param)), None)
            # Others may share what an alias of `Annotated` says, and not the default that it has here.
            param = _guessed(name, kind, path) if said is None else copy(said)
            if default is not parameter.empty and not isinstance(default, Param):
                param.default = default
            self.places.append(Place(name, kind, param))


def _bare(kind: Any) -> Any:
    """Without `Optional`, and of `list[int]` the list."""
    origin = typing.get_origin(kind)
    if origin is typing.Union or origin is types.UnionType:
        inner = [one for one in typing.get_args(kind) if one is not type(None)]
        return _bare(inner[0]) if len(inner) == 1 else None
    return origin or kind


def _guessed(name: str, kind: Any, path: frozenset[str]) -> Param:
    bare = _bare(kind)
    if name in path:
        return Path()
    if bare is UploadFile:
        return File()
    in_body = bare in (dict, list, set) or (isinstance(bare, type) and issubclass(bare, BaseModel))
    return Body() if in_body else Query()


class Call:
    """The arguments of one request's handler; `response` has the headers and the status that it sets."""

    def __init__(self, request: Request, exits: AsyncExitStack) -> None:
        self.request = request
        self.exits = exits
        self.response = Response()
        self.response.headers.clear()
        self.tasks = BackgroundTasks()
        self._body: Any = None
        self._known: dict[Callable[..., Any], Any] = {}

    async def read(self, sources: set[str]) -> None:
        """Read the body, if somebody needs it. Raises Unfit for what is no JSON.

        It is JSON only where the caller says so. A page of another site can send any text in the name of its reader,
        but with this type only if the app allows it.
        """
        if "body" in sources and (body := await self.request.body()):
            if not _JSON.match(self.request.headers.get("content-type", "")):
                self._body = body.decode("utf-8", "replace")
                return
            try:
                self._body = await self.request.json()
            except BadRequest as error:
                raise unfit("json_invalid", ("body", 0), "JSON decode error", {}, error=str(error)) from None
        elif sources & _IN_BODY:
            await self.request.form()

    async def arguments(self, plan: Plan) -> dict[str, Any]:
        """By name. Raises Unfit with all that does not fit."""
        problems: list[dict[str, Any]] = []
        special = {Request: self.request, Response: self.response, BackgroundTasks: self.tasks}
        found: dict[str, Any] = {name: special[kind] for name, kind in plan.special.items()}
        for name, inner in plan.needs.items():
            try:
                found[name] = await self.needed(inner)
            except Unfit as error:
                problems += error.problems
        for place in plan.places:
            try:
                found[place.name] = self._value(place, whole=plan.whole)
            except Unfit as error:
                problems += error.problems
        if problems:
            raise Unfit(problems)
        return found

    async def needed(self, plan: Plan) -> Any:
        """What a dependency returns, or yields: then it goes on after the answer."""
        if (function := plan.function) not in self._known:
            arguments = await self.arguments(plan)
            if inspect.isasyncgenfunction(function):
                value = await self.exits.enter_async_context(asynccontextmanager(function)(**arguments))
            elif inspect.isgeneratorfunction(function):
                value = self.exits.enter_context(contextmanager(function)(**arguments))
            else:
                value = function(**arguments)
                value = await value if inspect.isawaitable(value) else value
            self._known[function] = value
        return self._known[function]

    def _value(self, place: Place, *, whole: bool) -> Any:
        source, body = place.param.source, self._body
        if source == "body" and whole:
            at: tuple[str, ...] = ("body",)
            given, value = body is not None, body
        else:
            at = "body" if source in _IN_BODY else source, place.key
            held: Any = body if source == "body" else self._held(source)
            given = isinstance(held, dict) and place.key in held
            value = held[place.key] if given else None
            if place.many and given and isinstance(held, Values):
                value = held.getlist(place.key)
        if given and not (value is None and not place.param.is_required()):
            return place.check(value, at)
        if place.param.is_required():
            raise unfit("missing", at, "Field required", body)
        return place.param.get_default()

    def _held(self, source: str) -> Any:
        request = self.request
        match source:
            case "path":
                return request.path_params
            case "query":
                return request.query
            case "header":
                return request.headers
            case "cookie":
                return request.cookies
            case "file":
                return request.files
        return request._form  # noqa: SLF001  it was awaited
