# SPDX-License-Identifier: Apache-2.0
"""What of a wheel goes into a bundle: its Python, its data and what it says of itself. Nothing of it is executed."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser

from genapps.cli.bundle.lock import normal
from genapps.core.code.packages import NATIVE, VENDORED

WHEEL_BYTES = 32 * 1024 * 1024
"""Of all files of a wheel: more than a bundle may have, because much of it may be left out."""
WHEEL_FILES = 5000

_TESTS = frozenset({"tests", "__pycache__"})
_LEFT_OUT = re.compile(r"(?:.*\.(?:pyc|pyo|pyi|pyx|pxd|pth|c|h)|py\.typed|conftest\.py|test_[^/]*\.py)\Z")
_KEPT_OF_DIST_INFO = re.compile(r"(?:METADATA|entry_points\.txt|(?:licenses/)?(?:LICEN[SC]E|COPYING|NOTICE)[^/]*)\Z")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][-A-Za-z0-9._]*)[^;]*(;.*)?\Z", re.DOTALL)


class WheelError(ValueError):
    """Why a wheel cannot be in a bundle, in words that fit behind its name."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Another package that one needs, by its normal name; `always`, or only on some systems."""

    name: str
    always: bool


@dataclass(frozen=True, slots=True)
class Wheel:
    """The files for the bundle by path, and what the package needs."""

    files: dict[str, bytes]
    requires: tuple[Requirement, ...]


def read_wheel(content: bytes, *, without_native: bool = False) -> Wheel:
    """The parts of a wheel that a bundle needs; `without_native` leaves native code out.

    Raises WheelError for native code otherwise, for what is no wheel, and for one that is larger than any bundle.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > WHEEL_FILES or sum(member.file_size for member in members) > WHEEL_BYTES:
                msg = f"has more than {WHEEL_FILES} files or {WHEEL_BYTES} bytes"
                raise WheelError(msg)
            found = {member.filename: archive.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as problem:
        msg = f"is no wheel: {problem}"
        raise WheelError(msg) from None
    return _of_files(found, without_native=without_native)


def _of_files(found: dict[str, bytes], *, without_native: bool) -> Wheel:
    about = next((path for path in found if path.count("/") == 1 and path.endswith(".dist-info/METADATA")), None)
    if about is None:
        msg = "is no wheel: it has no METADATA"
        raise WheelError(msg)
    metadata = found[about].replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"  # without the long description
    dist_info = about.removesuffix("METADATA")
    files: dict[str, bytes] = {}
    for path, data in _placed(found):
        if path.endswith(NATIVE):
            if not without_native:
                msg = (
                    f"has native code ({path}), which does not run in apps. If the package works without it, leave it"
                    " out with --without-native"
                )
                raise WheelError(msg)
        elif path == about:
            files[VENDORED + path] = metadata
        elif _KEPT_OF_DIST_INFO.match(path.removeprefix(dist_info)) if path.startswith(dist_info) else _is_kept(path):
            files[VENDORED + path] = data
    return Wheel(files, tuple(_requirements(metadata)))


def _placed(found: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """The files where an installation would put them; without scripts and headers."""
    for path, data in sorted(found.items()):
        top, _, rest = path.partition("/")
        if not top.endswith(".data"):
            yield path, data
        elif rest.startswith(("purelib/", "platlib/")):
            yield rest.partition("/")[2], data


def _is_kept(path: str) -> bool:
    *folders, file = path.split("/")
    return _TESTS.isdisjoint(folders) and _LEFT_OUT.match(file) is None


def _requirements(metadata: bytes) -> Iterator[Requirement]:
    """A marker is not evaluated: whoever wrote the lock has done that."""
    fields = HeaderParser().parsestr(metadata.decode("utf-8", "replace"))
    for line in fields.get_all("Requires-Dist", []):
        parts = _REQUIREMENT.match(line)
        if parts is not None and "extra" not in (parts[2] or ""):
            yield Requirement(normal(parts[1]), parts[2] is None)
