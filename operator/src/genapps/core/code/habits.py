# SPDX-License-Identifier: Apache-2.0
"""Objects at module level that functions of an app change: each instance has its own, and none of them lasts.

The engine has the same rules (`genapps.habits` there); tests/contract holds both to one table.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

_MAKERS = frozenset({"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "count"})
_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_CHANGES = frozenset(
    {
        "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem",
        "popleft", "remove", "reverse", "setdefault", "sort", "update",
    }
)  # fmt: skip
_STATEMENTS = frozenset({"execute", "executemany", "executescript"})
_WRITES = re.compile(r"\s*(?:insert|update|delete|replace|create|drop|alter)\b", re.IGNORECASE)
_MAYBE = re.compile(
    rf"^[ \t]+global[ \t]|^\w+[ \t]*(?::[^=\n]*)?=[ \t]*(?:[\[{{]|(?:\w+\.)?(?:connect|{'|'.join(sorted(_MAKERS))})\()",
    re.MULTILINE,
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Changed(NamedTuple):
    """In `line`, `function` changes what is made at module level in the line `made`.

    `is_database` says that it is a database in memory.
    """

    line: int
    name: str
    made: int
    function: str
    is_database: bool = False

    def __str__(self) -> str:
        lasting = f"Use state: await state.put({self.name!r}, ...)"
        if self.is_database:
            lasting = "Use the app's own database: sqlite3.connect('app.db')"
        return (
            f"{self.function} changes {self.name!r}, which is made at module level (line {self.made}): each instance "
            f"of the app has its own, and loses it at a restart. {lasting}"
        )


def changed_globals(source: str) -> list[Changed]:
    """What functions change at module level: the first place of each name, by line.

    Functions that the module itself calls while it loads are left out. Raises SyntaxError, ValueError and
    RecursionError for what is no Python.
    """
    if not _MAYBE.search(source):
        return []  # most apps
    tree = ast.parse(source)
    made, containers, databases = _made(tree)
    called = _called(tree)
    found: dict[str, Changed] = {}
    for function in (node for node in ast.walk(tree) if isinstance(node, _Function)):
        if function.name not in called:
            for line, name, rebound in _changes(function):
                known = name in made if rebound else name in containers or name in databases
                if known and (name not in found or line < found[name].line):
                    found[name] = Changed(line, name, made[name], function.name, name in databases)
    return sorted(found.values())


def _made(tree: ast.Module) -> tuple[dict[str, int], set[str], set[str]]:
    """The names that the module assigns, with the line of the first assignment, those that are containers, and those
    that are databases in memory.
    """
    made: dict[str, int] = {}
    containers: set[str] = set()
    databases: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    made.setdefault(target.id, node.lineno)
                    if _is_container(node.value):
                        containers.add(target.id)
                    if _is_in_memory(node.value):
                        databases.add(target.id)
    return made, containers, databases


def _is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        function = value.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in _MAKERS
    return isinstance(value, _LITERALS)


def _is_in_memory(value: ast.expr | None) -> bool:
    """Whether it is `connect(":memory:")`."""
    if not isinstance(value, ast.Call) or not value.args or not isinstance(value.args[0], ast.Constant):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return name == "connect" and ":memory:" in str(value.args[0].value)


def _called(tree: ast.Module) -> set[str]:
    """The functions that are called outside of functions, also as decorators."""
    names: set[str] = set()
    makers: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names.add(node.func.id)
        if isinstance(node, _Function):
            names |= {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
            calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
            makers |= {one.func.id for one in calls if isinstance(one.func, ast.Name)}
            waiting += calls
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    for node in tree.body:
        if isinstance(node, _Function) and node.name in makers:  # what it returns is the decorator
            names |= {
                one.value.id for one in node.body if isinstance(one, ast.Return) and isinstance(one.value, ast.Name)
            }
    return names


def _changes(function: _Function) -> Iterator[tuple[int, str, bool]]:
    """Where a function changes something that is not its own: line, name, and whether the name gets another value."""
    nodes = list(ast.walk(function))
    shared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} - shared
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in shared:
            yield node.lineno, node.id, True
        elif isinstance(node, ast.Call | ast.Subscript) and (name := _changed(node)) and name not in own:
            yield node.lineno, name, False


def _changed(node: ast.Call | ast.Subscript) -> str:
    """The name of the object that a call or an assignment to an item changes; empty for none."""
    if isinstance(node, ast.Subscript):
        inner = node.value if not isinstance(node.ctx, ast.Load) else None
    else:
        changes = isinstance(node.func, ast.Attribute) and (node.func.attr in _CHANGES or _writes(node))
        inner = node.func.value if isinstance(node.func, ast.Attribute) and changes else None
        if isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
            inner = node.args[0]
    while isinstance(inner, ast.Subscript):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else ""


def _writes(node: ast.Call) -> bool:
    """Whether it is a call of `execute` with a text that writes, or of its like."""
    attribute = getattr(node.func, "attr", "")
    if attribute not in _STATEMENTS or not node.args:
        return False
    text = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
    return attribute != "execute" or _WRITES.match(str(text)) is not None
