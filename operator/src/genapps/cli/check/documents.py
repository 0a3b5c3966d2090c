# SPDX-License-Identifier: Apache-2.0
"""YAML and JSON as Kubernetes reads them, with the line of each field."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

FieldPath = tuple[str | int, ...]
"""Names and indices from the root of a document, such as `("spec", "tools", 0, "path")`."""

MOST_BYTES = 16 * 1024 * 1024
_MOST_NODES = 500_000
"""Aliases make a small file large: beyond this a document is not read."""
_DEEPEST = 100
_TOO_MUCH = "too many or too deeply nested values"
_EXPONENT = re.compile(r"[-+]?([.][0-9]+|[0-9]+([.][0-9]*)?)[eE][-+]?[0-9]+")
_TAG = "tag:yaml.org,2002:"


class UnreadableError(Exception):
    """An input that is no YAML, no JSON, or cannot be opened; the text says where."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")


@dataclass(frozen=True)
class Document:
    """One object of a file."""

    file: str
    value: Any
    """As JSON holds it."""
    lines: dict[FieldPath, int]
    """Of each field the line of its name, counted from 1."""
    blocks: dict[FieldPath, int] = field(default_factory=dict)
    """Of each literal block (`|`) the line of its first line of text."""
    repeated: tuple[FieldPath, ...] = ()
    """Fields that are given more than once."""

    def line(self, path: FieldPath) -> int:
        """The line of a field, or of what would hold it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    @property
    def kind(self) -> str:
        """The object's kind, empty where there is none."""
        kind = self.value.get("kind") if isinstance(self.value, dict) else None
        return kind if isinstance(kind, str) else ""

    @property
    def api_version(self) -> str:
        """The object's apiVersion, empty where there is none."""
        version = self.value.get("apiVersion") if isinstance(self.value, dict) else None
        return version if isinstance(version, str) else ""

    @property
    def metadata(self) -> dict[str, Any]:
        """The object's metadata, empty where it is no map."""
        metadata = self.value.get("metadata") if isinstance(self.value, dict) else None
        return metadata if isinstance(metadata, dict) else {}


def parse(file: str, content: bytes) -> list[Document]:
    """The documents of a file, those in a List one by one. Raises UnreadableError."""
    if len(content) > MOST_BYTES:
        raise UnreadableError(file, 0, f"has {len(content)} bytes, at most {MOST_BYTES} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(file, 0, f"is not UTF-8 text (byte {error.start})") from None
    if text.lstrip().startswith(("{", "[")):
        # JSON may be indented with tabs, YAML may not; in a JSON string a tab is written \t.
        text = text.replace("\t", " ")
    try:
        return [item for document in _documents(file, text) for item in _items(document)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(file, mark.line + 1 if mark else 0, error.problem or "is no YAML") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableError(file, 0, f"is no YAML: {error}") from None


def _documents(file: str, text: str) -> Iterator[Document]:
    _refuse_deep(text)
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_node():
            reading = _Reading(loader)
            node = loader.get_node()
            if node is None:
                continue
            reading.lines[()] = node.start_mark.line + 1
            value = reading.value(node, ())
            if value is not None:
                yield Document(file, value, reading.lines, reading.blocks, tuple(reading.repeated))
    finally:
        loader.dispose()


def _refuse_deep(text: str) -> None:
    """The C library composes nodes recursively: hostile nesting would end the process."""
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(_TOO_MUCH)


class _Reading:
    """From the nodes of one document to its value and lines."""

    def __init__(self, loader: yaml.CSafeLoader) -> None:
        self._loader = loader
        self._nodes = 0
        self.lines: dict[FieldPath, int] = {}
        self.blocks: dict[FieldPath, int] = {}
        self.repeated: list[FieldPath] = []

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(path) > _DEEPEST:
            raise ValueError(_TOO_MUCH)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.lines[*path, index] = item.start_mark.line + 1
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.style == "|":
            self.blocks[path] = node.start_mark.line + 2
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        own = len(node.value)
        self._loader.flatten_mapping(node)
        merged = len(node.value) - own if len(node.value) > own else 0
        found: dict[str, Any] = {}
        for index, (name_node, value_node) in enumerate(node.value):
            key = self._scalar(name_node)
            name = key if isinstance(key, str) else str(name_node.value)
            if name in found and index >= merged:
                self.repeated.append((*path, name))
            self.lines[*path, name] = name_node.start_mark.line + 1
            found[name] = self.value(value_node, (*path, name))
        return found

    def _scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise ValueError("the name of a field is no text")  # noqa: TRY004  the file cannot be read
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind in {"timestamp", "binary"} or (kind == "int" and ":" in text):
            return text  # as Kubernetes' reader takes dates and 1:30
        if kind == "str":
            if node.style is None and _EXPONENT.fullmatch(text):
                return _number(float(text))
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        value = self._loader.construct_object(node)
        return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | int:
    """JSON has one kind of number: 1.0 is 1."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _items(document: Document) -> Iterator[Document]:
    items = document.value.get("items") if document.kind.endswith("List") or document.kind == "List" else None
    if not isinstance(items, list):
        yield document
        return
    for index, value in enumerate(items):
        at: FieldPath = ("items", index)
        yield Document(
            document.file,
            value,
            _below(document.lines, at),
            _below(document.blocks, at),
            tuple(path[2:] for path in document.repeated if path[:2] == at),
        )


def _below(places: dict[FieldPath, int], at: FieldPath) -> dict[FieldPath, int]:
    return {path[len(at) :]: line for path, line in places.items() if path[: len(at)] == at}
