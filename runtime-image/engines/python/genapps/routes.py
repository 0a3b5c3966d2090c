# SPDX-License-Identifier: Apache-2.0
"""The app's handlers, found by method and path pattern."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

Handler = Callable[..., Any]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")


class NoHandlerError(Exception):
    """No handler fits. `code` is RouteNotFound or MethodNotAllowed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _pattern(path: str) -> re.Pattern[str]:
    parts, at = [], 0
    for place in _PLACE.finditer(path):
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

    def route(self, method: str, path: str) -> Callable[[AnyHandler], AnyHandler]:
        """A decorator that registers a handler for a method and a path. Raises ValueError unless the path starts
        with `/`.
        """

        def register(handler: AnyHandler) -> AnyHandler:
            if not path.startswith("/"):
                raise ValueError(f"the path of a route must start with '/': {path!r}")
            self._listed.append(f"{method.upper()} {path}")
            if "{" in path:
                self._patterns.append((method.upper(), _pattern(path), handler))
            else:
                self._exact[method.upper(), path] = handler
            return handler

        return register

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

    def routes(self) -> list[str]:
        """All routes, sorted, such as `GET /hello/{name}`."""
        return sorted(self._listed)

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler for a request, and the values of the names in its path; raises NoHandlerError."""
        method = "GET" if method == "HEAD" else method
        handler = self._exact.get((method, path))
        if handler is not None:
            return handler, {}
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
