# SPDX-License-Identifier: Apache-2.0
"""The messages that a guest gets: a request, and the results of its calls.

Both have a compact form for what is common, and JSON for the rest (docs/contracts/compact-form.md). A guest reads
the compact form in a third of the time.
"""

import base64
from typing import Any

import orjson

from genapps_runtime.guest.turns import PIECE_BYTES

# The guest's business is the request, not the caller's credentials: a tenant is verified by the host. What begins with
# `genapps-` is for the platform alone to say, so a caller's is forged.
_WITHHELD = frozenset({b"authorization", b"proxy-authorization"})
_PLATFORMS = b"genapps-"
_SEPARATORS = 5


def start_message(
    number: int,
    request_id: str,
    method: str,
    path: str,
    query: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    *,
    own: bool = False,
    in_pieces: bool = False,
) -> bytes:
    """What a guest's `start` takes.

    `number` names the action, unique in the process. `headers` has names in lower case. `body` is whole, in bytes;
    the message has its first piece. If it comes `in_pieces`, the guest asks for each of them. With `own` it is the
    platform that asks, and all headers are its word.
    """
    found = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if own or (name not in _WITHHELD and not name.startswith(_PLATFORMS))
    }
    described = orjson.dumps(found if len(found) == len(headers) else _with_repeated(headers))
    fields = f"{number}\0{request_id}\0{method}\0{path}\0{query}\0"
    if not in_pieces and fields.count("\0") == _SEPARATORS:
        if not body:
            return fields.encode() + described
        if len(body) <= PIECE_BYTES and _is_text(body):
            return b"%s%s\0%s" % (fields.encode(), described, body)
    request: dict[str, Any] = {
        "requestId": request_id,
        "method": method,
        "path": path,
        "query": query,
        "headers": orjson.Fragment(described),
    }
    if body:
        request["body"] = piece_of(body, 0)
        request["bodyChunks"] = -(-len(body) // PIECE_BYTES)
    if in_pieces:
        request["bodyInPieces"] = True
    return orjson.dumps({"action": number, "request": request})


def resume_message(number: int, results: dict[str, dict[str, Any]]) -> bytes:
    """What a guest's `resume` takes: the results of the calls of its last turn, by the id of the call.

    A result is `{"ok": value}` or `{"problem": {...}}`.
    """
    if len(results) == 1:
        ((call, outcome),) = results.items()
        if "ok" in outcome:
            value = outcome["ok"]
            if value is None:
                return f"{number}\0{call}".encode("ascii")
            if isinstance(value, str):
                return f"{number}\0{call}\0{value}".encode()
    try:
        return orjson.dumps({"action": number, "results": results})
    except orjson.JSONEncodeError:
        # A tool's result has as many levels as one may have, and here it is a few levels deeper.
        alone = {call: orjson.Fragment(orjson.dumps(outcome)) for call, outcome in results.items()}
        return orjson.dumps({"action": number, "results": alone})


def _with_repeated(headers: list[tuple[bytes, bytes]]) -> dict[str, str | list[str]]:
    """Headers by name as the guest gets them: a name that comes several times has a list of its values."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if name not in _WITHHELD and not name.startswith(_PLATFORMS):
            values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def piece_of(body: bytes, index: int) -> dict[str, str]:
    """A piece of a body, counted from 0: at most 64 KiB, as text where it is UTF-8, as base64 otherwise."""
    piece = body[index * PIECE_BYTES : (index + 1) * PIECE_BYTES]
    try:
        return {"text": piece.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}


def characters_of(result: str | dict[str, str] | None) -> int:
    """How long the result of a read of the state or the body is."""
    if isinstance(result, dict):
        return sum(len(key) + len(value) for key, value in result.items())
    return len(result or "")
