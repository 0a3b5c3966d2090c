# SPDX-License-Identifier: Apache-2.0
"""Forms of web pages: their fields, and their files (RFC 7578). What arrives is hostile, so everything is counted."""

import io
import re
from collections.abc import Generator
from urllib.parse import unquote

from genapps.encoding import query_pairs
from genapps.errors import BadRequest
from genapps.fields import Values

FIELDS = 1000
"""Fields of a form without files."""
PARTS = 200
"""Fields and files together of a form with files."""
PART_HEADERS = 16
PART_HEAD_BYTES = 4096
_BOUNDARY = re.compile(r'\bboundary=(?:"([^"]{1,200})"|([^;,\s"]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))', re.ASCII)
_CODINGS = frozenset({"", "7bit", "8bit", "binary"})


class MissingFieldError(BadRequest, KeyError):
    """The form has no field of that name: the caller gets 400."""

    def __str__(self) -> str:
        return str(self.args[0])


class Content(bytes):
    """Bytes that may be awaited, because reading an upload is a coroutine elsewhere."""

    def __await__(self) -> Generator[None, None, bytes]:
        return self
        yield


class Upload:
    """A file of a form. `content` is in bytes; `filename` is the caller's, never to be trusted as a path."""

    def __init__(self, filename: str, content_type: str, content: bytes) -> None:
        self.filename = filename
        self.content_type = content_type
        self.content = content
        self.size = len(content)
        self.file = self.stream = io.BytesIO(content)

    def read(self, size: int = -1) -> Content:
        """The next `size` bytes, or all that is left; `await upload.read()` is the same."""
        return Content(self.file.read(size))


class Form(Values):
    """The fields of a form by name: the last value of each, or all of a name by `getlist`. `files` has uploads."""

    __slots__ = ("files", "uploads")

    def __init__(self, pairs: list[tuple[str, str]], uploads: list[tuple[str, Upload]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs
        self.uploads = uploads
        self.files = dict(uploads)

    def __missing__(self, name: str) -> str:
        raise MissingFieldError(f"the form has no field {name!r}")


def read_form(content_type: str, body: bytes) -> Form:
    """The form in a body; no fields when the content type is that of no form. Raises BadRequest."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        if body.count(b"&") >= FIELDS:
            raise BadRequest(f"a form may have at most {FIELDS} fields")
        return Form(query_pairs(body.decode("utf-8", "replace")), [])
    if kind == "multipart/form-data":
        found = _BOUNDARY.search(content_type)
        if found is None:
            raise BadRequest("the content type of the form names no boundary")
        return _multipart((found[1] or found[2]).encode("latin-1", "replace"), body)
    return Form([], [])


def _multipart(boundary: bytes, body: bytes) -> Form:
    # One more than is allowed tells that there are too many; the first is what stands before the form.
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, PARTS + 2)
    ends = next((index for index, part in enumerate(parts) if part.startswith(b"--")), None)
    if (len(parts) if ends is None else ends) > PARTS:
        raise BadRequest(f"a form may have at most {PARTS} fields and files")
    if ends is None:
        raise BadRequest("the form ends before its last boundary")
    fields: list[tuple[str, str]] = []
    uploads: list[tuple[str, Upload]] = []
    for part in parts[:ends]:
        name, filename, kind, content = _part(part)
        if filename is None:
            fields.append((name, content.decode("utf-8", "replace")))
        else:
            uploads.append((name, Upload(filename, kind, content)))
    return Form(fields, uploads)


def _part(part: bytes) -> tuple[str, str | None, str, bytes]:
    """Name, file name (None for a field), content type and content."""
    begun, newline, rest = part.partition(b"\r\n")
    head, blank, content = rest.partition(b"\r\n\r\n")
    if begun.strip(b" \t") or not newline or not blank:
        raise BadRequest("a part of the form has no head")
    headers = _part_headers(head)
    kind = headers.get("content-type", "text/plain")
    if kind.lower().startswith("multipart/"):
        raise BadRequest("a part of the form holds parts itself")
    if headers.get("content-transfer-encoding", "").lower() not in _CODINGS:
        raise BadRequest("a part of the form has a transfer encoding; forms have none")
    what, semicolon, parameters = headers.get("content-disposition", "").partition(";")
    named = _parameters(semicolon + parameters)
    if what.strip().lower() != "form-data" or "name" not in named:
        raise BadRequest("a part of the form has no name")
    return named["name"], named.get("filename"), kind, content


def _part_headers(head: bytes) -> dict[str, str]:
    if len(head) > PART_HEAD_BYTES:
        raise BadRequest(f"the head of a part of the form has more than {PART_HEAD_BYTES} bytes")
    lines = head.decode("utf-8", "replace").split("\r\n")
    if len(lines) > PART_HEADERS:
        raise BadRequest(f"a part of the form has more than {PART_HEADERS} headers")
    fields = [line.partition(":") for line in lines]
    return {name.strip().lower(): value.strip() for name, _, value in fields}


def _parameters(text: str) -> dict[str, str]:
    found = {}
    for name, quoted, plain in _PARAMETER.findall(text):
        found[name.lower()] = quoted.replace('\\"', '"') or plain
    extended = found.get("filename*", "")
    if extended[:7].lower() == "utf-8''":
        found["filename"] = unquote(extended[7:])
    return found
