# SPDX-License-Identifier: Apache-2.0
"""A response as an app makes it, and what a handler may return in its place."""

import base64
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from genapps.encoding import quoted, to_json
from genapps.fields import Headers

INLINE_CHARACTERS = 16 * 1024
INLINE_BYTES = 64 * 1024
JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
_DIGITS = re.compile(r"([1-9][0-9]{2})(?: .*)?\Z", re.ASCII)
_BEFORE_MARKUP = 100
_MARKUP = re.compile(
    r"\s*<(?:!doctype\s+html|html|head|title|meta|link|style|script|body|h[1-6]|p|div|span|a|ul|ol|dl|table|form|main"
    r"|section|article|header|footer|nav|pre|img|svg|b|i|strong|em)[\s/>]",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?:x|access-control|cache|content|set|www|retry|last)-[a-z-]+\Z|(?:location|etag|vary|link|allow|expires)\Z",
    re.IGNORECASE,
)
_FILENAME = re.compile(r'filename=(?:"((?:[^"\\]|\\.)*)"|([^;"]+))', re.IGNORECASE)
_SERVERS = frozenset({"connection", "keep-alive", "date", "server"})
"""What the runtime says itself. Content-Length belongs to them as long as it is right."""
_LOOKED_AT = _SERVERS | {"content-length"}

_new, _set, _set_default = Headers.__new__, dict.__setitem__, dict.setdefault

Sent = tuple[int, str, list[dict[str, str]]]
"""Status, headers as a JSON list of pairs, and the body in pieces of at most 64 KiB in the form that the host takes."""


class Response:
    """A response: text, bytes, or anything that JSON can express.

    `status` is a number, an HTTPStatus or digits. `headers` may have a list of values where a field comes several
    times. `content_type` follows from the body unless it is given. An asynchronous iterator as the body leaves piece by
    piece (genapps.streaming).
    """

    pieces: Any = None
    """What the body is made of, where it leaves piece by piece."""

    def __init__(
        self,
        body: Any = "",
        status: int | str = 200,
        headers: Any = None,
        content_type: str | None = None,
    ) -> None:
        """Raises TypeError or ValueError for a status or a body that cannot be sent."""
        self.status: Any = status if type(status) is int and 100 <= status <= 599 else status_of(status)
        self.headers = own = _new(Headers)
        if type(headers) is dict:
            for name, value in headers.items():
                if type(value) is str:
                    _set(own, name.lower(), value)
                else:
                    own[name] = value
        elif headers:
            own.update(headers)
        self.body: Any
        if type(body) is str:
            self.body, kind = body, TEXT_TYPE
        elif hasattr(type(body), "__anext__"):
            self.pieces, self.body, kind = body, "", TEXT_TYPE
        else:
            self.body, kind = _body(body)
        _set_default(own, "content-type", content_type or kind)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = "lax",
    ) -> None:
        """Add a cookie; `max_age` is in seconds, 0 removes the cookie. Raises ValueError for a name or value that
        would need quotes.
        """
        if not _COOKIE.match(f"{name}={value}"):
            raise ValueError(f"a cookie cannot hold this name or value: {name!r}; encode it with urllib.parse.quote")
        parts = [f"{name}={value}", f"Path={path}"]
        parts += [f"Max-Age={int(max_age)}"] if max_age is not None else []
        parts += [f"Domain={domain}"] if domain else []
        parts += ["Secure"] if secure else []
        parts += ["HttpOnly"] if httponly else []
        parts += [f"SameSite={samesite.capitalize()}"] if samesite else []
        self.headers.add("set-cookie", "; ".join(parts))

    def head(self) -> tuple[int, str]:
        """Status, and headers as a JSON list of pairs, where the body leaves piece by piece. Raises ValueError."""
        headers = self.headers if type(self.headers) is Headers else Headers(self.headers)
        headers.pop("content-length", None)
        return status_of(self.status), _header_pairs(headers, "")

    def sent(self) -> Sent:
        """What the host gets. Raises what cannot be sent, before anything is."""
        status = self.status if type(self.status) is int and 100 <= self.status <= 599 else status_of(self.status)
        body = self.body if type(self.body) is str or type(self.body) is bytes else _body(self.body)[0]
        headers = self.headers if type(self.headers) is Headers else Headers(self.headers)
        if isinstance(body, str):
            body = body if body.isascii() else whole(body)
            size = piece_characters(body)
            if len(body) <= size:
                pieces = [{"text": body}]
            else:
                pieces = [{"text": body[at : at + size]} for at in range(0, len(body), size)]
        else:
            pieces = _in_base64(body)
        return status, _header_pairs(headers, body), pieces


_COOKIE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[!#-+\x2d-:<-\[\]-~]*\Z")


class HTMLResponse(Response):
    """A page."""

    def __init__(self, body: str = "", status: int | str = 200, headers: Any = None) -> None:
        super().__init__(body, status, headers, HTML_TYPE)


class JSONResponse(Response):
    """A value as JSON, also where it is a text."""

    def __init__(self, body: Any = None, status: int | str = 200, headers: Any = None) -> None:
        super().__init__(to_json(body), status, headers, JSON_TYPE)


def html(body: str, status: int | str = 200, headers: Any = None) -> Response:
    """A page: the text as `text/html`."""
    return HTMLResponse(body, status, headers)


def redirect(url: str, status: int | str = 303) -> Response:
    """Send the caller to another address. 303 lets a browser go on with GET after a form."""
    return Response("", status, {"location": url})


def file(body: str | bytes, name: str, content_type: str | None = None) -> Response:
    """A download: browsers save the body under this name. `content_type` follows from the name's ending."""
    kind = content_type or _TYPES.get(name.rpartition(".")[2].lower())
    clean = name.replace("\\", "_").replace('"', "_")
    return Response(body, headers={"content-disposition": f'attachment; filename="{clean}"'}, content_type=kind)


_TYPES = {
    "csv": "text/csv; charset=utf-8", "txt": TEXT_TYPE, "html": HTML_TYPE, "ics": "text/calendar; charset=utf-8",
    "json": JSON_TYPE, "pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml",
    "zip": "application/zip", "md": "text/markdown; charset=utf-8", "xml": "application/xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


class Made(Response):
    """A response as a server of another form has got it: `fields` is a JSON list of headers (`fields_json`)."""

    def __init__(self, status: int | str, fields: str, body: bytes) -> None:
        self.status = status
        self.fields = fields
        self.body = body

    def sent(self) -> Sent:
        """What the host gets. Raises ValueError."""
        status = self.status if type(self.status) is int and 100 <= self.status <= 599 else status_of(self.status)
        if len(self.body) <= INLINE_BYTES and self.body.isascii():
            return status, self.fields, [{"text": self.body.decode("ascii")}]
        return status, self.fields, _in_base64(self.body)


@lru_cache(64)
def fields_json(fields: tuple[tuple[str, str], ...]) -> str:
    """Headers as the JSON list that the host takes, without those that the runtime says. Raises ValueError.

    Applications send the same headers again and again.
    """
    lowered = [(name.lower(), value) for name, value in fields]
    kept = [(name, value) for name, value in lowered if name not in _LOOKED_AT]
    return f"[{','.join([f'[{quoted(name)},{quoted(_sendable(name, value))}]' for name, value in kept])}]"


def response_of(answer: Any) -> Response:
    """The response that a handler's answer stands for. Raises TypeError or ValueError.

    A tuple is `(body, status)`, `(body, headers)` or `(body, status, headers)`. A text that begins with a tag of HTML
    is a page.
    """
    if type(answer) is tuple and 2 <= len(answer) <= 3 and _has_status(answer):
        body, *rest = answer
        response = body if isinstance(body, Response) else response_of(body)
        if not isinstance(rest[0], Mapping | list):
            response.status = status_of(rest.pop(0))
        if rest:
            response.headers.update(rest[0])
        return response
    if type(answer) is str and "<" in answer[:_BEFORE_MARKUP] and _MARKUP.match(answer):
        return HTMLResponse(answer)
    return Response(answer)


def is_plain(text: str) -> bool:
    """Whether a text is short, ASCII and no page, as most are: it needs no `Response`."""
    return len(text) <= INLINE_BYTES and text.isascii() and "<" not in text[:_BEFORE_MARKUP]


def piece_characters(text: str) -> int:
    """How much of a text is one piece: characters beyond ASCII take up to four bytes each."""
    return INLINE_BYTES if text.isascii() else INLINE_CHARACTERS


def _has_status(answer: tuple[Any, ...]) -> bool:
    """Whether it is more than a list of values: they have been sent as one, and still are."""
    body, second = answer[0], answer[1]
    if len(answer) == 3:
        return isinstance(answer[2], Mapping | list) and not isinstance(second, Mapping | list)
    if isinstance(second, Headers) or type(second) is dict:
        names = all(isinstance(name, str) for name in second)  # after another dictionary, only what is hardly data
        return names and (not isinstance(body, dict) or (bool(second) and all(map(_HEADER.match, second))))
    if isinstance(second, HTTPStatus):
        return True
    if type(second) is int:
        return 100 <= second <= 599 or not isinstance(body, int | float)
    return isinstance(second, str) and _DIGITS.match(second) is not None


def status_of(status: Any) -> int:
    """Raises ValueError for what is no status."""
    if isinstance(status, str) and (found := _DIGITS.match(status)):
        status = int(found[1])
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
        return int(status)
    raise ValueError(f"not a status of HTTP: {status!r}; give a number such as 404")


def _body(body: Any) -> tuple[str | bytes, str]:
    """A body as it is sent, with its content type."""
    if type(body) is list or type(body) is dict:
        return to_json(body), JSON_TYPE
    if isinstance(body, Iterator):
        body = _joined(list(body))
    if isinstance(body, str):
        return str(body), TEXT_TYPE
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), "application/octet-stream"
    return to_json(body), JSON_TYPE


def _in_base64(body: bytes) -> list[dict[str, str]]:
    size = INLINE_BYTES
    return [{"base64": base64.b64encode(body[at : at + size]).decode()} for at in range(0, len(body), size)]


def whole(text: str) -> str:
    """A text in which halves of characters (lone surrogates) are U+FFFD: they would end the guest at its boundary."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _joined(items: list[Any]) -> Any:
    """What a generator has brought: a text or bytes in pieces, as servers stream them, or else a list."""
    if items and all(isinstance(item, str) for item in items):
        return "".join(items)
    if items and all(isinstance(item, bytes) for item in items):
        return b"".join(items)
    return items


def _header_pairs(headers: Headers, body: str | bytes) -> str:
    """Headers as the JSON that the host takes. Raises ValueError."""
    fields = tuple(headers.items())
    if headers._repeated:  # noqa: SLF001  most responses need no list of their own
        fields = tuple(headers.multi_items())
    if text := plain_pairs(fields):
        return text
    length = str(len(body.encode() if isinstance(body, str) else body))
    ours = {("content-length", length)}
    kept = [
        f"[{quoted(name)},{quoted(_sendable(name, value))}]"
        for name, value in fields
        if name not in _SERVERS and (name, value) not in ours
    ]
    return f"[{','.join(kept)}]"


@lru_cache(64)
def plain_pairs(fields: tuple[tuple[str, str], ...]) -> str:
    """Headers as JSON; empty where one of them needs a closer look. Apps send the same headers again and again."""
    text = "[" + ",".join([f"[{quoted(name)},{quoted(value)}]" for name, value in fields]) + "]"
    return "" if "\\" in text or any(name in _LOOKED_AT for name, _ in fields) else text


def _sendable(name: str, value: str) -> str:
    """A value with wide characters in the form that headers have for them. What has no form is left for the host to
    refuse. Raises ValueError for half a character.
    """
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the header {name!r} holds half a character (a lone surrogate)") from None
    if name == "location":
        return quote(value, safe="!#$%&'()*+,/:;=?@[]~")
    if name == "content-disposition" and "filename*" not in value.lower():
        return _FILENAME.sub(_both_names, value)
    return value


def _both_names(found: re.Match[str]) -> str:
    """A file's name in ASCII for old programs, and as RFC 8187 writes it."""
    name = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2].strip()
    ascii_name = re.sub(r"[^ !#-\[\]-~]", "_", name)
    return f"filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
