# SPDX-License-Identifier: Apache-2.0
"""The app's code as it is mounted: read once, and refused unless its digest is the one that the operator approved."""

import base64
import hashlib
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import orjson

from genapps_runtime.source_text import source_text, utf8_text
from genapps_runtime.termination import Reason, RefusedError

BUNDLE_BYTES = 8 * 1024 * 1024
BUNDLE_FILES = 512
PATH_DEPTH = 8
PUBLIC = "public/"
"""Files below are served as they are. They are not sent into the guest, whose memory they would take."""
_PART = re.compile(r"[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*\Z")
_PATH_CHARACTERS = 253
_CODE: Mapping[str, tuple[tuple[str, ...], Callable[[bytes], str]]] = {
    "python": ((".py",), source_text),
    "javascript": ((".js", ".mjs"), utf8_text),
}
"""By language: how the names of files with code end, and how they become text."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of an app by path (`pkg/mod.py`), and the one that is executed first."""

    entry: str
    files: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Code:
    """A bundle as it is run: what the engine loads, and the files that are served, by their paths below `public/`."""

    load_message: str
    public: dict[str, bytes]
    component: bytes = b""
    """The component that is the app; empty where an engine runs it."""

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, about."""
        return len(self.load_message) + sum(map(len, self.public.values()))


def digest_of(bundle: Bundle) -> str:
    """`sha256:<hex>` of the RFC 8785 JSON `{"entry": ..., "files": {path: base64}}`.

    Paths are ASCII without anything JSON escapes (checked when reading), so sorted keys and no blanks are RFC 8785. It
    is taken file by file: a start has no room for several times the bundle.
    """
    found = hashlib.sha256(b'{"entry":"%b","files":{' % bundle.entry.encode("ascii"))
    for number, path in enumerate(sorted(bundle.files)):
        found.update(b'%b"%b":"' % (b"," if number else b"", path.encode("ascii")))
        found.update(base64.b64encode(bundle.files[path]))
        found.update(b'"')
    found.update(b"}}")
    return f"sha256:{found.hexdigest()}"


def read_bundle(directory: str, entry: str, digest: str, *, in_pieces: bool = False) -> Bundle:
    """The files that are mounted at `directory`, and below it; with `in_pieces` the entry may be a folder of pieces.

    Raises RefusedError (SnapshotMismatch) unless they have that digest; when they take more than BUNDLE_BYTES; for
    links that leave the directory, and what is neither file nor folder.
    """
    files: dict[str, bytes] = {}
    size = 0
    try:
        for path, place in _mounted(directory):
            if len(files) == BUNDLE_FILES:
                _refuse(f"the code has more than {BUNDLE_FILES} files")
            files[path] = _content(place, BUNDLE_BYTES - size)
            size += len(files[path])
    except OSError as error:
        _refuse(f"cannot read the code: {error}")
    if not _PART.match(entry):
        _refuse(f"invalid entry: {entry!r}")
    bundle = Bundle(entry, _joined(entry, files) if in_pieces else files)
    found = digest_of(bundle)
    if found != digest:
        _refuse(f"the code has digest {found}; the pod expects {digest}")
    return bundle


def _joined(entry: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files, with the pieces of the entry in one: `app.wasm/0`, `app.wasm/1` and so on.

    So the operator mounts a file that no ConfigMap holds. No file of a bundle has the path of a folder.
    """
    folder = f"{entry}/"
    pieces = [path for path in files if path.startswith(folder)]
    if not pieces:
        return files
    whole = b"".join(files.pop(f"{folder}{number}", b"") for number in range(len(pieces)))
    return files | {entry: whole}


def _mounted(directory: str) -> Iterator[tuple[str, Path]]:
    """Each file: its path in the bundle, and where it is.

    The kubelet makes the names of the first level links to the files of one version, in a folder that begins with two
    dots beside them. Below there are no links.
    """
    root = Path(directory).resolve()
    for found in sorted(root.iterdir()):
        if not found.name.startswith(".."):
            place = found.resolve()
            if root not in place.parents:
                _refuse(f"{found.name!r} leads out of the code")
            yield from _below(found.name, place)


def _below(path: str, place: Path) -> Iterator[tuple[str, Path]]:
    """The file at `place`, or the files of the folder that is there."""
    name = path.rpartition("/")[2]
    if not _PART.match(name) or len(path) > _PATH_CHARACTERS or path.count("/") >= PATH_DEPTH:
        _refuse(f"invalid file name: {path[:_PATH_CHARACTERS]!r}")
    kind = place.lstat().st_mode
    if stat.S_ISDIR(kind):
        for inner in sorted(place.iterdir()):
            yield from _below(f"{path}/{inner.name}", inner)
    elif stat.S_ISREG(kind):
        yield path, place
    else:
        _refuse(f"{path!r} is neither a file nor a folder")


def _content(place: Path, most: int) -> bytes:
    with place.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        _refuse(f"the code has more than {BUNDLE_BYTES} bytes")
    return content


def _refuse(message: str) -> NoReturn:
    raise RefusedError(Reason.SNAPSHOT_MISMATCH, message)


def load_message(
    bundle: Bundle, log_bytes: int, language: str = "python", connectors: Sequence[str] | None = None
) -> str:
    """The JSON that the engine's `load` takes.

    `files` has the code as text, `data` the other files as text or base64, by path: the app can read them. Those below
    `public/` are in neither. `log_bytes` is what it may log in one action, `connectors` are the names of those that it
    may call, where the language asks for them. Raises RefusedError (CodeRejected) for code
    that is no text in its language's encoding.
    """
    suffixes, text_of = _CODE[language]
    entry_of(bundle)
    texts: dict[str, str] = {}
    data: dict[str, dict[str, str]] = {}
    for name, content in bundle.files.items():
        if name.startswith(PUBLIC):
            continue
        if not name.endswith(suffixes) and name != bundle.entry:
            data[name] = text_or_base64(content)
            continue
        try:
            texts[name] = text_of(content)
        except ValueError as error:
            raise RefusedError(Reason.CODE_REJECTED, f"{name} {error}") from None
    return message_of(bundle.entry, texts, data, log_bytes, connectors)


def entry_of(bundle: Bundle) -> bytes:
    """The file that is executed first. Raises RefusedError (CodeRejected) when there is none."""
    if bundle.entry not in bundle.files:
        raise RefusedError(Reason.CODE_REJECTED, f"the bundle has no entry file {bundle.entry!r}")
    return bundle.files[bundle.entry]


def message_of(
    entry: str,
    texts: Mapping[str, str],
    data: Mapping[str, Mapping[str, str]],
    log_bytes: int,
    connectors: Sequence[str] | None = None,
) -> str:
    """The message that `load_message` describes, of its parts."""
    message: dict[str, Any] = {"entry": entry, "files": texts, "logBytes": log_bytes}
    if connectors is not None:
        message["connectors"] = connectors
    return orjson.dumps(message | ({"data": data} if data else {})).decode()


def calls_in_place(load_message: str) -> bool:
    """Whether the app's code may call tools without await, by its text. The engine asks the same of it."""
    return "call_sync" in load_message


def public_files(bundle: Bundle) -> dict[str, bytes]:
    """The files that are served, by their paths below `public/`."""
    return {path.removeprefix(PUBLIC): content for path, content in bundle.files.items() if path.startswith(PUBLIC)}


def text_or_base64(content: bytes) -> dict[str, str]:
    """As a piece of a body is handed over."""
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
