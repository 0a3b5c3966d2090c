# SPDX-License-Identifier: Apache-2.0
"""What a request's head says, judged: the parser (llhttp, strict) knows the grammar, this module what may be asked."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.key_field import key_of
from genapps_runtime.serve.messages import Headers
from genapps_runtime.serve.request_ids import new_id

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods of requests that change nothing, as callers may rely on: their keys are ids and nothing else."""
_VERSIONS = frozenset({"1.1", "1.0"})
_JUDGED = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect", b"idempotency-key", b"traceparent"})
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]*)(?::[0-9]*)?\Z")
_ABSOLUTE = re.compile(rb"https?://([^/?]+)(.*)\Z", re.IGNORECASE)


@dataclass(slots=True)
class Head:
    """`length` is the announced size of the body in bytes: None without a body, -1 in chunks of unknown number."""

    request_id: str
    key: str
    path: str
    query: str
    length: int | None
    expects_continue: bool
    persistent: bool
    traced: bool


def read_head(method: str, version: str, target: bytes, headers: Headers) -> Head:
    """The head of a request; in `headers`, Host becomes that of an absolute target.

    Raises ProblemError: the request is refused, and the connection must not be used any more.
    """
    if version not in _VERSIONS:
        raise ProblemError("RequestInvalid", "this server speaks HTTP/1.1")
    if method == "CONNECT":
        raise ProblemError("RequestInvalid", "this server is no proxy")
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _JUDGED:
            if name in found:
                _judge_repeated(name)
            else:
                found[name] = value
    if target[:1] != b"/":
        target = _other_target(method, target, headers, found)
    newer = version == "1.1"
    _judge_host(found.get(b"host"), required=newer)
    path, query = _split(target)
    key = found.get(b"idempotency-key")
    named = "" if key is None else key_of(key)
    return Head(
        named or new_id(),
        "" if method in _SAFE else named,
        path,
        query,
        _length(found, newer),
        newer and _expects_continue(found.get(b"expect")),
        newer,
        b"traceparent" in found,
    )


def _judge_repeated(name: bytes) -> None:
    # The parser refuses a second Content-Length itself, of expectations the first counts, and of traces none.
    if name in (b"host", b"transfer-encoding"):
        raise ProblemError("RequestInvalid", f"more than one {name.decode('ascii')}")
    if name == b"idempotency-key":
        raise ProblemError("RequestInvalid", "more than one Idempotency-Key")


def _judge_host(host: bytes | None, *, required: bool) -> None:
    if host is None:
        if required:
            raise ProblemError("RequestInvalid", "HTTP/1.1 needs one Host")
    elif not _is_host(host):
        raise ProblemError("RequestInvalid", "Host is not a name or address with an optional port")


@lru_cache(64)
def _is_host(value: bytes) -> bool:
    return _HOST.match(value) is not None


def _other_target(method: str, target: bytes, headers: Headers, found: dict[bytes, bytes]) -> bytes:
    """The target in origin form: of an absolute one, whose host goes before the field's; `*` stays for OPTIONS."""
    if target == b"*" and method == "OPTIONS":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise ProblemError("RequestInvalid", "the target is neither a path nor an address of this server")
    host, rest = absolute.groups()
    if b"host" in found:  # without it HTTP/1.1 is refused, absolute or not
        found[b"host"] = host
        headers[:] = [(name, host if name == b"host" else value) for name, value in headers]
    elif not _is_host(host):
        raise ProblemError("RequestInvalid", "the target's host is not a name or address with an optional port")
    return rest if rest[:1] == b"/" else b"/" + rest


def _split(target: bytes) -> tuple[str, str]:
    if b"#" in target:
        raise ProblemError("RequestInvalid", "a target has no fragment")
    path, _, query = target.decode("ascii").partition("?")  # the parser lets nothing else through
    return (unquote(path) if "%" in path else path), query


def _length(found: dict[bytes, bytes], newer: bool) -> int | None:
    coding = found.get(b"transfer-encoding")
    if coding is not None:
        if not newer or coding.lower() != b"chunked":
            raise ProblemError("RequestInvalid", "chunked is the only transfer coding, and HTTP/1.0 has none")
        return -1
    length = found.get(b"content-length")
    return None if length is None else int(length) or None  # digits: the parser lets nothing else through


def _expects_continue(expectation: bytes | None) -> bool:
    if expectation is None:
        return False
    if expectation.lower() != b"100-continue":
        raise ProblemError("ExpectationFailed")
    return True
