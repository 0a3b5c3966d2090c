# SPDX-License-Identifier: Apache-2.0
"""Packages for tests: wheels of our own making, and packages of the development environment as a bundle has them."""

import hashlib
import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from genapps.cli.bundle.wheels import read_wheel


def wheel(name: str, files: dict[str, bytes], *requires: str, version: str = "1.0") -> bytes:
    """A wheel of pure Python with these files."""
    needs = "".join(f"Requires-Dist: {need}\n" for need in requires)
    info = f"{name}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}\nA long description.\n"
    whole = {
        **files,
        f"{info}/METADATA": about.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
        f"{info}/licenses/LICENSE": b"Do what you like.",
    }
    return zipped(whole)


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return packed.getvalue()


class Index:
    """A folder that pip fetches from in place of a registry, and the lines of a lock for what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: dict[str, str] = {}
        self.environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": "/dev/null"}

    def add(self, name: str, content: bytes, tag: str = "py3-none-any") -> None:
        (self.folder / f"{name}-1.0-{tag}.whl").write_bytes(content)
        self.lines[name] = f"{name}==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"

    def lock(self) -> str:
        return "".join(self.lines.values())


def installed(*names: str) -> dict[str, bytes]:
    """The files of packages of the development environment, as `genapps bundle` would vendor them."""
    found: dict[str, bytes] = {}
    for name in names:
        paths = {str(path): path.locate() for path in distribution(name).files or ()}
        content = {path: Path(str(place)).read_bytes() for path, place in paths.items() if not path.startswith("..")}
        found |= read_wheel(zipped(content), without_native=True).files
    return found
