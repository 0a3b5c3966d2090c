# SPDX-License-Identifier: Apache-2.0
"""gunicorn's own collection of requests, good and bad, from its source distribution.

Fetched at the first use and kept in the cache: `locks/http-corpus.txt` names it and the pip that fetches it.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.node.settings import current
from tools.source_distribution import unpacked

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "locks" / "http-corpus.txt"
_ESCAPES = {b"\\r\\n": b"\r\n", b"\\n": b"\n", b"\\t": b"\t", b"\\0": b"\0"}
_DESCRIBED = ("method", "uri", "body")
_FOLDER = re.compile(r"[^/]+/tests/requests/(valid|invalid)/[\w.-]+\.(http|py)\Z")


@dataclass(frozen=True)
class Entry:
    """One file of the collection. `requests` are what it holds as the collection describes it, when it is good."""

    name: str
    sent: bytes
    requests: tuple[dict[str, Any], ...]


def entries(kind: str) -> list[Entry]:
    """The `valid` or the `invalid` ones. HTTP/1.1 requests without a Host get one: gunicorn asks for none."""
    folder = fetched() / kind
    return [
        Entry(path.stem, _with_host(_bytes(path.read_bytes())), _described(path.with_suffix(".py").read_text()))
        for path in sorted(folder.glob("*.http"))
    ]


def _bytes(text: bytes) -> bytes:
    text = text.replace(b"\n", b"")
    for escape, meant in _ESCAPES.items():
        text = text.replace(escape, meant)
    return re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)


def _with_host(sent: bytes) -> bytes:
    if re.search(rb"^host *:", sent, re.IGNORECASE | re.MULTILINE):
        return sent
    # A request within a body of known length stays as it is.
    sole = re.search(rb"^content-length *:", sent, re.IGNORECASE | re.MULTILINE)
    line = rb"(\A[^\r\n]* HTTP/1\.1\r\n)" if sole else rb"( HTTP/1\.1\r\n)"
    return re.sub(line, rb"\1Host: a\r\n", sent)


def _described(source: str) -> tuple[dict[str, Any], ...]:
    """Method, target and body of the requests that a description lists; nothing in it is run."""
    tree = _Uris().visit(ast.parse(source))
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    return tuple(
        {
            key.value: _literal(member)
            for key, member in zip(value.keys, value.values, strict=True)
            if isinstance(key, ast.Constant) and key.value in _DESCRIBED
        }
        for value in values
        if isinstance(value, ast.Dict)
    )


def _literal(value: ast.expr) -> Any:
    """None for what is computed."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        return None


class _Uris(ast.NodeTransformer):
    """`uri("/path")` is the text that it is made of."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node.args[0] if isinstance(node.func, ast.Name) and node.func.id == "uri" else node


def fetched() -> Path:
    """The folder with `valid` and `invalid`. Raises RuntimeError when it cannot be had."""
    return unpacked(LOCK, "gunicorn", current().cache, _kept) / "requests"


def _kept(path: str) -> str | None:
    found = _FOLDER.match(path)
    return f"requests/{found[1]}/{Path(path).name}" if found else None
