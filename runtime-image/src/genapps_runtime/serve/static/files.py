# SPDX-License-Identifier: Apache-2.0
"""The files below `public/` by the paths that they are asked for.

Everything is made when the app starts, of the bytes whose digest was checked: what is served is what was judged, and
no path of a caller ever reaches a file system. A path that is not in the table is the app's.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping

from genapps_runtime.serve.compression import compressed, is_worth_it
from genapps_runtime.serve.messages import FileReply, Headers, Request
from genapps_runtime.serve.reply_bytes import beginning
from genapps_runtime.serve.static.content_types import HTML, content_type
from genapps_runtime.serve.static.encodings import ENDS, chosen
from genapps_runtime.serve.static.preconditions import asked_range, is_any, is_same

INDEX = "index.html"
_METHODS = frozenset({"GET", "HEAD"})
_ASKED = frozenset({b"accept-encoding", b"if-match", b"if-none-match", b"if-range", b"range"})
_HIDDEN = re.compile(r"(?:^|/)\.(?!well-known/)")
_FINGERPRINT = re.compile(r"[.-](?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}\.[^/]*\Z")
"""Build tools put a digest into the names of files. Only what can be nothing else is taken for one."""
COMPRESSED_BYTES = 2 * 1024 * 1024
"""Of all files that are kept in gzip, because somebody has asked for them so."""
REVALIDATE = b"no-cache"
FOR_EVER = b"max-age=31536000, immutable"


class StaticFiles:
    """Answers the requests for files. `files` are those of a bundle, by their paths below `public/`."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._found: dict[str, _File | _Folder] = {}
        room = _Room(COMPRESSED_BYTES)
        for path in files:
            if _HIDDEN.search(path) is None:
                self._add(path, _File(path, dict(_encoded(path, files)), room))

    def reply(self, request: Request) -> FileReply | None:
        """The reply to a request for a file; None where the request is the app's: for any other path, and with any
        other method than GET and HEAD."""
        found = self._found.get(request.path)
        if found is None or request.method not in _METHODS:
            return None
        return found.reply(request)

    def _add(self, path: str, file: "_File") -> None:
        self._found[f"/{path}"] = file
        folder, _, name = path.rpartition("/")
        if name == INDEX:
            self._found[f"/{folder}/" if folder else "/"] = file
            if folder:
                self._found[f"/{folder}"] = _Folder(folder)


class _Folder:
    """A folder with an index, asked for without the slash: links in the page would lead to the folder above."""

    def __init__(self, path: str) -> None:
        # Relative: somebody before the app may serve it below a path of their own.
        self._location = f"{path.rpartition('/')[2]}/".encode("ascii")

    def reply(self, request: Request) -> FileReply:
        query = b"?" + request.query.encode("ascii") if request.query else b""
        headers = [(b"location", self._location + query), (b"cache-control", REVALIDATE)]
        return FileReply(307, beginning(307, headers), b"")


class _Room:
    """How many bytes of compressed files may still be kept."""

    def __init__(self, size: int) -> None:
        self._left = size

    def takes(self, size: int) -> bool:
        """Take that many bytes, if they are left."""
        taken = size <= self._left
        self._left -= size if taken else 0
        return taken


class _File:
    """A file in its encodings; it is itself the one without a name. What the bundle has not in gzip is compressed when
    somebody asks for it."""

    def __init__(self, path: str, contents: Mapping[str, bytes], room: _Room) -> None:
        headers = [(b"content-type", content_type(path)), (b"x-content-type-options", b"nosniff")]
        lasting = _FINGERPRINT.search(path) is not None and headers[0][1] != HTML
        headers.append((b"cache-control", FOR_EVER if lasting else REVALIDATE))
        plain = contents[""]
        self._uncompressed = "gzip" not in contents and is_worth_it(headers[0][1], len(plain))
        """Whether a form in gzip is still to be made, when it is asked for."""
        if len(contents) > 1 or self._uncompressed:
            headers.append((b"vary", b"accept-encoding"))
        self._headers, self._content, self._room = headers, plain, room
        self._forms = {encoding: _Form(content, headers, encoding) for encoding, content in contents.items()}
        self._plain = self._forms[""]

    def reply(self, request: Request) -> FileReply:
        asked: dict[bytes, bytes] = {}
        for name, value in request.headers:
            if name in _ASKED:
                asked[name] = asked[name] + b", " + value if name in asked else value
        if not asked:
            return self._plain.whole
        form, part = self._plain, asked.get(b"range") if request.method == "GET" else None
        if part is None and b"accept-encoding" in asked and (self._uncompressed or len(self._forms) > 1):
            form = self._accepted(asked[b"accept-encoding"])
        if b"if-match" in asked and not is_any(asked[b"if-match"], form.tag, weak=False):
            return form.changed
        if b"if-none-match" in asked and is_any(asked[b"if-none-match"], form.tag, weak=True):
            return form.not_modified
        if part is None or not is_same(asked.get(b"if-range", form.tag), form.tag):
            return form.whole
        return form.part(part)

    def _accepted(self, accepted: bytes) -> "_Form":
        encoding = chosen(accepted, {*self._forms, "gzip"} if self._uncompressed else self._forms.keys()) or ""
        if encoding not in self._forms:
            self._uncompressed = False
            content = compressed(self._content)
            if content is None or not self._room.takes(len(content)):
                return self._plain
            self._forms[encoding] = _Form(content, self._headers, encoding)
        return self._forms[encoding]


class _Form:
    """A file in one encoding: everything that is always the same in its replies."""

    def __init__(self, content: bytes, headers: Headers, encoding: str) -> None:
        self._content = content
        self.tag = b'"%b"' % hashlib.sha256(content).hexdigest()[:32].encode("ascii")
        self._headers = [*headers, (b"etag", self.tag)]
        if encoding:
            self._headers.append((b"content-encoding", encoding.encode("ascii")))
        whole = [*self._headers, *([] if encoding else [(b"accept-ranges", b"bytes")])]
        self.whole = FileReply(200, beginning(200, whole), content)
        kept = [(name, value) for name, value in self._headers if name in (b"cache-control", b"etag", b"vary")]
        self.not_modified = FileReply(304, beginning(304, kept), b"")
        self.changed = FileReply(412, beginning(412, kept), b"")

    def part(self, asked: bytes) -> FileReply:
        """A part of it, if one is asked for."""
        size = len(self._content)
        found = asked_range(asked, size)
        if found is None:
            return self.whole
        begin, end = found
        if begin == end:
            return FileReply(416, beginning(416, [(b"content-range", b"bytes */%d" % size)]), b"")
        place = b"bytes %d-%d/%d" % (begin, end - 1, size)
        head = beginning(206, [*self._headers, (b"content-range", place)])
        return FileReply(206, head, memoryview(self._content)[begin:end])


def _encoded(path: str, files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """A file, and those beside it that are the same one in another encoding."""
    yield "", files[path]
    for end, encoding in ENDS.items():
        if path + end in files:
            yield encoding, files[path + end]
