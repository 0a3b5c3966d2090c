# SPDX-License-Identifier: Apache-2.0
"""What is named on the command line: files of code, folders, manifests, standard input."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genapps.api.digests import INLINE_ENTRY
from genapps.cli.bundles import ENTRIES, read_bundle
from genapps.cli.check.documents import Document, UnreadableError, parse
from genapps.cli.check.manifests import is_config_map, is_ours
from genapps.cli.typescript.files import name_in_typescript

STDIN = "-"
_STDIN_NAME = "<stdin>"
MANIFESTS = frozenset({".yaml", ".yml", ".json"})
CODE = frozenset({".py", ".js", ".mjs", ".ts", ".mts", ".wasm"})
_MANIFEST = re.compile(rb'^[ \t{]*"?(apiVersion|kind)"?[ \t]*:', re.MULTILINE)


@dataclass(frozen=True)
class CodeInput:
    """Code that was named itself: a file as `inline` would hold it, or a folder as an image would."""

    path: str
    entry: str
    files: Mapping[str, bytes]
    """Empty where they cannot be used."""
    fault: str = ""
    """Why not."""

    def place(self, name: str) -> str:
        """The path of one of its files: of the one in TypeScript, where it was made of that."""
        if not Path(self.path).is_dir():
            return self.path
        given = name if Path(self.path, name).is_file() else name_in_typescript(name)
        return f"{self.path.rstrip('/')}/{given}"


@dataclass
class Inputs:
    """Everything that was named."""

    documents: list[Document] = field(default_factory=list)
    """Objects of our group and ConfigMaps."""
    code: list[CodeInput] = field(default_factory=list)


def read(paths: Sequence[str], stdin: bytes, entry: str | None, *, recursive: bool) -> Inputs:
    """The inputs in their order. Raises UnreadableError where one cannot be read or holds nothing to check."""
    inputs = Inputs()
    for path in paths:
        before = len(inputs.documents) + len(inputs.code)
        if path == STDIN:
            _read_stdin(inputs, stdin, entry)
        elif Path(path).is_dir():
            _read_folder(inputs, Path(path), entry, recursive=recursive)
        else:
            _read_file(inputs, Path(path), entry)
        if len(inputs.documents) + len(inputs.code) == before:
            raise UnreadableError(path, 0, "holds no code and no object of genapps.dev/v1alpha1, and no ConfigMap")
    return inputs


def read_documents(path: Path) -> list[Document]:
    """The objects of a file that can be checked. Raises UnreadableError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(str(path), 0, error.strerror or "cannot be read") from None
    return _known(parse(str(path), content))


def _known(documents: Sequence[Document]) -> list[Document]:
    return [document for document in documents if is_ours(document) or is_config_map(document)]


def _read_stdin(inputs: Inputs, content: bytes, entry: str | None) -> None:
    if _MANIFEST.search(content):
        inputs.documents += _known(parse(_STDIN_NAME, content))
    else:
        name = entry or INLINE_ENTRY["python"]
        inputs.code.append(CodeInput(_STDIN_NAME, name, {name: content}))


def _read_file(inputs: Inputs, path: Path, entry: str | None) -> None:
    if path.suffix in MANIFESTS:
        inputs.documents += read_documents(path)
    elif path.suffix in CODE:
        inputs.code.append(_code(path, entry))
    else:
        raise UnreadableError(str(path), 0, f"name a file that ends in {', '.join(sorted(CODE | MANIFESTS))}")


def _read_folder(inputs: Inputs, path: Path, entry: str | None, *, recursive: bool) -> None:
    """A folder with an entry is code, and its manifests are manifests too."""
    is_code = any((path / name).is_file() for name in ((entry,) if entry else ENTRIES))
    for file in _manifests(path, recursive=recursive):
        try:
            inputs.documents += read_documents(file)
        except UnreadableError:
            if not is_code:  # else it may be data of the app
                raise
    if is_code:
        inputs.code.append(_code(path, entry))


def _manifests(path: Path, *, recursive: bool) -> Iterator[Path]:
    found = path.rglob("*") if recursive else path.iterdir()
    return (file for file in sorted(found) if file.suffix in MANIFESTS and file.is_file())


def _code(path: Path, entry: str | None) -> CodeInput:
    try:
        name, files = read_bundle(path, entry)
    except OSError as error:
        raise UnreadableError(str(path), 0, error.strerror or "cannot be read") from None
    except ValueError as error:
        return CodeInput(str(path), entry or ENTRIES[0], {}, str(error))
    return CodeInput(str(path), name, files)
