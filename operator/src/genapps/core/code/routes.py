# SPDX-License-Identifier: Apache-2.0
"""Routes of an app that can never be answered, found in its text: the engine refuses them when the app loads.

Only decorators with the path as a literal are looked at, as in `@app.get("/items/{id}")`.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")
_FOREIGN = (
    (re.compile(r"<(?:[^<>:]*:)?([^<>]*)>"), "{%s}"),
    (re.compile(r"/:(\w+)"), "{%s}"),
    (re.compile(r"\{(\w+):[^{}]*\}"), "{%s}"),
    (re.compile(r"/\*(\w*)"), "{%s:path}"),
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Fault(NamedTuple):
    """A line, and what is wrong with the route in it."""

    line: int
    message: str


def route_faults(source: str) -> list[Fault]:
    """The faults of a file's routes by line. Raises SyntaxError, ValueError and RecursionError for no Python."""
    if "@app." not in source:
        return []
    faults: list[Fault] = []
    seen: dict[tuple[str, str], str] = {}
    for function, line, method, path in _routes(ast.parse(source)):
        wrong = _pattern_fault(path) or _signature_fault(function, f"{method} {path}", path)
        shape = method, _PLACE.sub(lambda place: "{}" if place[2] is None else "{:path}", path)
        if not wrong and shape in seen:
            wrong = f"{method} {path} has a handler already, {seen[shape]}: remove one, or give it another path"
        seen.setdefault(shape, function.name)
        if wrong:
            faults.append(Fault(line, wrong))
    return sorted(faults)


def _routes(tree: ast.Module) -> Iterator[tuple[_Function, int, str, str]]:
    """Each handler at module level with the line, the method and the path of its decorator."""
    if not any(_imports_app(node) for node in tree.body):
        return
    for function in tree.body:
        if isinstance(function, _Function):
            for decorator in reversed(function.decorator_list):
                for method, path in _decorated(decorator):
                    yield function, decorator.lineno, method, path


def _imports_app(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "genapps"
        and any(alias.name == "app" and alias.asname is None for alias in node.names)
    )


def _decorated(decorator: ast.expr) -> Iterator[tuple[str, str]]:
    match decorator:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="app"), attr=attr), args=[ast.Constant(value=str(path))], keywords=[]
        ) if attr in METHODS:
            yield attr.upper(), path
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="app"), attr="route"),
            args=[ast.Constant(value=str(method)), ast.Constant(value=str(path))],
            keywords=[],
        ):
            yield method.upper(), path


def _pattern_fault(path: str) -> str:
    if not path.startswith("/"):
        return f"the path of a route must start with '/': {path!r}"
    rest = _PLACE.sub("", path)
    for pattern, written in _FOREIGN:
        found = pattern.search(rest)
        if found is not None:
            name = found[1] or "rest"
            text = found[0].removeprefix("/")
            advice = written % (name if name.isidentifier() else "name")
            convert = " and convert the text in the handler" if ":" in text[1:] else ""
            return f"the path {path!r} has {text!r}, which would match only itself: write {advice!r}{convert}"
    if "{" in rest or "}" in rest:
        return f"the path {path!r} has a brace that holds no name: write {{name}} or {{rest:path}}"
    names = _PLACE.findall(path)
    return f"the path {path!r} has a name twice" if len({name for name, _ in names}) < len(names) else ""


def _signature_fault(function: _Function, route: str, path: str) -> str:
    """Whether the handler takes a request and the names of its path; a decorator below may change what it takes."""
    if len(function.decorator_list) > 1:
        return ""
    names = [name for name, _ in _PLACE.findall(path)]
    arguments = function.args
    positional = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    taken = {one.arg for one in (*arguments.args, *arguments.kwonlyargs)} - set(positional[:1])
    needed = positional[1 : len(positional) - len(arguments.defaults)] + [
        one.arg for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    if not positional and arguments.vararg is None:
        wrong = "it takes no request"
    elif lacking := [name for name in names if name not in taken and arguments.kwarg is None]:
        wrong = f"it does not take {lacking[0]!r}"
    elif missing := [name for name in needed if name not in names]:
        wrong = f"nothing gives it {missing[0]!r}"
    else:
        return ""
    begin = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    written = f"{begin} {function.name}({', '.join(['request', *names])})"
    return f"{function.name} cannot answer {route}: {wrong}; write `{written}`"
