"""The app's handlers, found by method and path pattern."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

Handler = Callable[..., Any]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")


class NoHandlerError(Exception):
    """No handler: `code` is RouteNotFound or MethodNotAllowed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _pattern(path: str) -> re.Pattern[str]:
    if not path.startswith("/"):
        raise ValueError(f"the path of a route starts with '/', this does not: {path!r}")
    parts, at = [], 0
    for place in _PLACE.finditer(path):
        parts.append(re.escape(path[at : place.start()]))
        parts.append(f"(?P<{place[1]}>{'.+' if place[2] else '[^/]+'})")
        at = place.end()
    return re.compile("".join([*parts, re.escape(path[at:])]) + r"\Z", re.DOTALL)


class App:
    """`@app.get("/convert/{value}")`, likewise post, put, patch and delete. A place in braces matches one segment
    of the path, `{rest:path}` all that remains; its text is passed to the handler by name."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Handler]] = []
        self._listed: list[str] = []

    def route(self, method: str, path: str) -> Callable[[AnyHandler], AnyHandler]:
        def register(handler: AnyHandler) -> AnyHandler:
            self._listed.append(f"{method.upper()} {path}")
            if "{" in path:
                self._patterns.append((method.upper(), _pattern(path), handler))
            else:
                _pattern(path)
                self._exact[method.upper(), path] = handler
            return handler

        return register

    def get(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        return self.route("GET", path)

    def post(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        return self.route("POST", path)

    def put(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        return self.route("PUT", path)

    def patch(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        return self.route("PATCH", path)

    def delete(self, path: str) -> Callable[[AnyHandler], AnyHandler]:
        return self.route("DELETE", path)

    def routes(self) -> list[str]:
        """For the start-up log: `GET /hello/{name}` and so on."""
        return sorted(self._listed)

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler and the values of its places; raises NoHandlerError."""
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
            raise NoHandlerError("MethodNotAllowed", f"{path} answers {', '.join(sorted(others))}")
        raise NoHandlerError("RouteNotFound", f"the app has no route {method} {path}")


app = App()
