# SPDX-License-Identifier: Apache-2.0
"""Routes and the app: which handler answers, and what its value becomes."""

import inspect
import re
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any, Never, TypeVar

from genapps import messages
from genapps.responses import Response as Own
from pydantic.checks import Check, check_of
from pydantic.errors import Unfit
from pydantic.models import dumped

from .calling import Call, Plan
from .params import Depends
from .responses import HTTPException, JSONResponse, Request, Response

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
_PLACE = re.compile(r"\{(\w+)(?::(path))?\}")
_TELLING = frozenset(
    {
        "tags", "summary", "description", "response_description", "responses", "deprecated", "operation_id",
        "include_in_schema", "name", "title", "version", "docs_url", "redoc_url", "openapi_url", "contact",
        "license_info", "openapi_tags",
    }
)  # fmt: skip
"""What only the documentation pages would show, and apps have none."""
_LACKING = {
    "add_middleware": "the platform is in front of the app: leave it out, or set headers in the handlers",
    "middleware": "write a dependency, FastAPI(dependencies=[Depends(...)])",
    "exception_handler": "catch it in the handler, and raise HTTPException",
    "on_event": "write it at the top of the file, where it runs when the app loads",
    "mount": "use include_router",
    "websocket": "apps answer requests only",
}


def _refuse_unknown(where: str, options: Iterable[str]) -> None:
    if unknown := sorted(set(options) - _TELLING):
        raise TypeError(f"{where} takes no {unknown[0]!r} in the layer that apps have")


class Route:
    """A handler with its path."""

    def __init__(
        self, methods: frozenset[str], path: str, handler: Any, needs: Iterable[Depends], options: dict[str, Any]
    ) -> None:
        self.methods, self.path, self.handler, self.needs, self.options = methods, path, handler, [*needs], options
        names = frozenset(place[1] for place in _PLACE.finditer(path))
        self.plan = Plan(handler, names)
        self.plans = [Plan(one.dependency, names) for one in self.needs if one.dependency]
        self.sources = self.plan.sources.union(*(plan.sources for plan in self.plans))
        parts, at = [], 0
        for place in _PLACE.finditer(path):
            parts += [re.escape(path[at : place.start()]), f"(?P<{place[1]}>{'.*' if place[2] else '[^/]+'})"]
            at = place.end()
        self.pattern = re.compile("".join([*parts, re.escape(path[at:])]) + r"\Z", re.DOTALL)
        self.answer = _answer(options["response_model"] or inspect.signature(handler, eval_str=True).return_annotation)

    def response(self, value: Any) -> Own:
        """The answer that a handler's value becomes. Raises TypeError for one that does not fit its model."""
        if isinstance(value, Own):
            return value
        made, status = self.options["response_class"], self.options["status_code"]
        if status in (204, 304):
            return Response("", status)
        if self.answer is not None:
            try:
                value = self.answer(dumped(value, {}), ("response",))
            except Unfit as error:
                raise TypeError(f"the answer does not fit the response model: {error.problems}") from None
        content = dumped(value, {"exclude_none": self.options["response_model_exclude_none"]})
        found: Own = made(content, status)
        return found


def _answer(model: Any) -> Check | None:
    """What checks an answer: none where there is no annotation, or one of a response."""
    if model is None or model is inspect.Signature.empty or (isinstance(model, type) and issubclass(model, Own)):
        return None
    return check_of(model)


class APIRouter:
    """Routes with a common beginning, for `include_router`."""

    def __init__(self, *, prefix: str = "", dependencies: Iterable[Depends] = (), **telling: Any) -> None:
        """Raises TypeError for options that are not known."""
        _refuse_unknown(type(self).__name__, telling)
        self._prefix = prefix
        self._needs = [*dependencies]
        self.routes: list[Route] = []

    def api_route(
        self, path: str, *, methods: Iterable[str] = ("GET",), dependencies: Iterable[Depends] = (), **options: Any
    ) -> Callable[[AnyFunction], AnyFunction]:
        """Registers a handler. Raises TypeError for one whose parameters nothing can be given for."""
        own = {"status_code": 200, "response_model": None, "response_class": JSONResponse}
        own |= {"response_model_exclude_none": False}
        _refuse_unknown("a route", options.keys() - own.keys())
        own |= {name: value for name, value in options.items() if name in own}

        def register(handler: AnyFunction) -> AnyFunction:
            needs = (*self._needs, *dependencies)
            self.routes.append(Route(frozenset(methods), self._prefix + path, handler, needs, own))
            return handler

        return register

    def get(self, path: str, **options: Any) -> Callable[[AnyFunction], AnyFunction]:
        """A handler for GET, and for HEAD."""
        return self.api_route(path, methods=("GET", "HEAD"), **options)

    def post(self, path: str, **options: Any) -> Callable[[AnyFunction], AnyFunction]:
        """A handler for POST."""
        return self.api_route(path, methods=("POST",), **options)

    def put(self, path: str, **options: Any) -> Callable[[AnyFunction], AnyFunction]:
        """A handler for PUT."""
        return self.api_route(path, methods=("PUT",), **options)

    def patch(self, path: str, **options: Any) -> Callable[[AnyFunction], AnyFunction]:
        """A handler for PATCH."""
        return self.api_route(path, methods=("PATCH",), **options)

    def delete(self, path: str, **options: Any) -> Callable[[AnyFunction], AnyFunction]:
        """A handler for DELETE."""
        return self.api_route(path, methods=("DELETE",), **options)

    def include_router(
        self, router: "APIRouter", *, prefix: str = "", dependencies: Iterable[Depends] = (), **telling: Any
    ) -> None:
        """Add the routes of a router, as they are now."""
        _refuse_unknown("include_router", telling)
        for one in router.routes:
            needs = (*self._needs, *dependencies, *one.needs)
            self.routes.append(Route(one.methods, self._prefix + prefix + one.path, one.handler, needs, one.options))

    def __getattr__(self, name: str) -> Never:
        if name in _LACKING:
            raise TypeError(f"apps have no {type(self).__name__}.{name}: {_LACKING[name]}")
        raise AttributeError(name)


class FastAPI(APIRouter):
    """The app. The engine takes its answers from `__genapps_answer__`."""

    async def __genapps_answer__(self, request: messages.Request) -> Own:
        """The answer to a request. Raises what a handler raises."""
        request.__class__ = Request
        try:
            async with AsyncExitStack() as exits:
                return await self._answered(request, exits)  # type: ignore[arg-type]
            raise RuntimeError("a dependency caught what the handler raised, and did not raise it again")
        except HTTPException as error:
            return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        except Unfit as error:
            return JSONResponse({"detail": error.problems}, 422)

    async def _answered(self, request: Request, exits: AsyncExitStack) -> Own:
        route = self._find(request)
        call = Call(request, exits)
        await call.read(route.sources)
        for plan in route.plans:
            await call.needed(plan)
        value = route.handler(**await call.arguments(route.plan))
        value = await value if inspect.isawaitable(value) else value
        response = route.response(value)
        if response is not value:  # what the handler made itself stays as it is: the app may answer with it again
            for name, text in call.response.headers.multi_items():
                response.headers.add(name, text)
            if call.response.status != 200:
                response.status = call.response.status
        await call.tasks.run()
        return response

    def _find(self, request: Request) -> Route:
        allowed: set[str] = set()
        for route in self.routes:
            if (found := route.pattern.match(request.path)) is not None:
                if request.method in route.methods:
                    request.path_params = found.groupdict()
                    return route
                allowed |= route.methods
        raise HTTPException(405, headers={"allow": ", ".join(sorted(allowed))}) if allowed else HTTPException(404)
