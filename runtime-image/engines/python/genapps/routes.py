# SPDX-License-Identifier: Apache-2.0
"""The app's handlers, found by method and path pattern."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from genapps.shapes import PLACE, RouteError, check_handler, names_in

Handler = Callable[..., Any]
AnyHandler = TypeVar("AnyHandler", bound=Handler)


class NoHandlerError(Exception):
    """No handler fits. `code` is RouteNotFound or MethodNotAllowed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _pattern(path: str) -> re.Pattern[str]:
    parts, at = [], 0
    for place in PLACE.finditer(path):
        parts.append(re.escape(path[at : place.start()]))
        parts.append(f"(?P<{place[1]}>{'.+' if place[2] else '[^/]+'})")
        at = place.end()
    return re.compile("".join([*parts, re.escape(path[at:])]) + r"\Z", re.DOTALL)


class App:
    """Registers handlers: `@app.get("/convert/{value}")`, likewise post, put, patch and delete.

    A name in braces matches one segment of the path, `{rest:path}` matches everything that remains. The matched
    text is passed to the handler by that name.
    """

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Handler]] = []
        self._listed: list[str] = []
        self._shapes: dict[tuple[str, str], Handler] = {}
        self._rest: Handler | None = None
        self._fallback: Handler | None = None

    def route(
        self, method: str, path: str | None = None, *, methods: Iterable[str] | None = None
    ) -> Callable[[AnyHandler], AnyHandler]:
        """A decorator that registers a handler for a method and a path, or as `route("/path", methods=["GET"])`.

        It raises RouteError, a ValueError, for a path or a handler that can never answer.
        """
        if path is None:
            path, wanted = method, [*(methods or ["GET"])]
        else:
            wanted = [method]
        names = names_in(path)

        def register(handler: AnyHandler) -> AnyHandler:
            for one in wanted:
                self._register(one.upper(), path, names, handler)
            return handler

        return register

    def _register(self, method: str, path: str, names: list[str], handler: Handler) -> None:
        check_handler(handler, f"{method} {path}", names)
        shape = method, PLACE.sub(lambda place: "{}" if place[2] is None else "{:path}", path)
        if shape in self._shapes:
            other = getattr(self._shapes[shape], "__name__", "another handler")
            raise RouteError(f"{method} {path} has a handler already, {other}: remove one, or give it another path")
        self._shapes[shape] = handler
        self._listed.append(f"{method} {path}")
        if names:
            self._patterns.append((method, _pattern(path), handler))
        else:
            self._exact[method, path] = handler

    def get(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        """Register a handler for GET and HEAD."""
        return self.route("GET", path)

    def post(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        """Register a handler for POST."""
        return self.route("POST", path)

    def put(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        """Register a handler for PUT."""
        return self.route("PUT", path)

    def patch(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        """Register a handler for PATCH."""
        return self.route("PATCH", path)

    def delete(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        """Register a handler for DELETE."""
        return self.route("DELETE", path)

    def fallback(self, handler: AnyHandler) -> AnyHandler:
        """Register what answers a request when its handler cannot: it may read the state, and has a second.

        It raises RouteError, a ValueError, for a second one, or one that does not take a request alone.
        """
        check_handler(handler, "a fallback", [])
        if self._fallback is not None:
            raise RouteError("the app has a fallback already: remove one")
        self._fallback = handler
        return handler

    def own_fallback(self) -> Handler:
        """What `fallback` has registered; raises NoHandlerError."""
        if self._fallback is None:
            raise NoHandlerError("RouteNotFound", "the app has no fallback: decorate a function with @app.fallback")
        return self._fallback

    def serve_rest(self, handler: Handler) -> None:
        """Let this handler answer every request, in an app that has no routes."""
        self._rest = handler
        self._listed.append("* /{rest:path}")

    def routes(self) -> list[str]:
        """All routes, sorted, such as `GET /hello/{name}`."""
        return sorted(self._listed)

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler for a request, and the values of the names in its path; raises NoHandlerError."""
        method = "GET" if method == "HEAD" else method
        handler = self._exact.get((method, path))
        if handler is not None:
            return handler, {}
        if self._rest is not None:
            return self._rest, {}
        others = {known for known, exact in self._exact if exact == path}
        for known, pattern, candidate in self._patterns:
            match = pattern.match(path)
            if match is None:
                continue
            if known == method:
                return candidate, match.groupdict()
            others.add(known)
        if others:
            raise NoHandlerError("MethodNotAllowed", f"{path} allows {', '.join(sorted(others))} only")
        raise NoHandlerError("RouteNotFound", f"the app has no route {method} {path}")


app = App()
exact_handler = app._exact.get  # noqa: SLF001  most requests need no more of `find`, and no call of Python for this
"""The handler of a method and a path without names in it, or None."""
