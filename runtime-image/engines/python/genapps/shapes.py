# SPDX-License-Identifier: Apache-2.0
"""What keeps a route from ever being answered: told when it is registered, with what to write."""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")
_ANGLE = re.compile(r"<(?:[^<>:]*:)?([^<>]*)>")
_COLON = re.compile(r"/:(\w+)")
_STAR = re.compile(r"/\*(\w*)")
_TYPED = re.compile(r"\{(\w+):[^{}]*\}")


class RouteError(ValueError):
    """A route that cannot be answered as it is written."""


def names_in(path: object) -> list[str]:
    """The names in a path. Raises RouteError for a path that is not written as apps write them."""
    if not isinstance(path, str):
        raise RouteError('a route needs its path in parentheses: write @app.get("/path")')
    if not path.startswith("/"):
        raise RouteError(f"the path of a route must start with '/': {path!r}")
    for pattern, written in ((_ANGLE, "{%s}"), (_COLON, "{%s}"), (_TYPED, "{%s}"), (_STAR, "{%s:path}")):
        rest = PLACE.sub("", path)
        found = pattern.search(rest)
        if found is not None:
            name = found[1] or "rest"
            text = found[0].removeprefix("/")
            advice = written % (name if name.isidentifier() else "name")
            convert = " and convert the text in the handler" if ":" in text[1:] else ""
            raise RouteError(
                f"the path {path!r} has {text!r}, which would match only itself: write {advice!r}{convert}"
            )
    if "{" in rest or "}" in rest:
        raise RouteError(f"the path {path!r} has a brace that holds no name: write {{name}} or {{rest:path}}")
    names = [place[1] for place in PLACE.finditer(path)]
    if len(set(names)) < len(names):
        raise RouteError(f"the path {path!r} has a name twice")
    return names


def check_handler(handler: Callable[..., Any], route: str, names: Sequence[str]) -> None:
    """Raises RouteError unless the handler can be called with a request and the names of its path."""
    if not callable(handler):
        raise RouteError(f"the handler of {route} is no function: {type(handler).__name__}")
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return  # a function of the interpreter, which does not tell
    try:
        signature.bind(None, **dict.fromkeys(names))
    except TypeError as error:
        name = getattr(handler, "__name__", "handler")
        begin = "async def" if inspect.iscoroutinefunction(handler) else "def"
        wanted = ", ".join(["request", *names])
        raise RouteError(
            f"{name}{signature} cannot answer {route}: {error}; write `{begin} {name}({wanted})`"
        ) from None
