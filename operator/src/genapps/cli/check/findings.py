# SPDX-License-Identifier: Apache-2.0
"""What `genapps check` reports."""

from dataclasses import dataclass
from enum import StrEnum

from genapps.cli.check.documents import Document, FieldPath


class Code(StrEnum):
    """What is wrong with a manifest: the causes of the API server's `Status`, where it has one."""

    REQUIRED = "FieldValueRequired"
    DUPLICATE = "FieldValueDuplicate"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    TYPE = "FieldValueTypeInvalid"
    UNKNOWN = "FieldUnknown"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault, or one thing that was not checked."""

    file: str
    line: int
    code: str
    """Of `Code`, or the reason that the operator would write into the app's status."""
    message: str
    field: str = ""
    """The field it is about, such as `spec.tools[0].path`."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a field, not yet placed in a file."""

    path: FieldPath
    code: Code
    message: str


def dotted(path: FieldPath) -> str:
    """A path as the API server writes it."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def placed(document: Document, path: FieldPath, code: str, message: str) -> Finding:
    """A finding on a field of a document."""
    return Finding(document.file, document.line(path), code, message, dotted(path))
