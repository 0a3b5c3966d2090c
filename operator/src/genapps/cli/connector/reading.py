# SPDX-License-Identifier: Apache-2.0
"""A Connector from a manifest."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import orjson

from genapps.api.connector import Connector
from genapps.cli.check.contracts import check_contract
from genapps.cli.check.documents import MOST_BYTES, UnreadableError, parse
from genapps.cli.check.manifests import check_object
from genapps.core.contracts.values import Bounds, value_fault

STDIN = "-"
_DESCRIPTION = Bounds(depth=100, values=500_000, string=MOST_BYTES, text=MOST_BYTES)


def content_of(path: str) -> tuple[str, bytes]:
    """The name of an input for messages, and its bytes; `-` is standard input. Raises UnreadableError."""
    if path == STDIN:
        return "<stdin>", sys.stdin.buffer.read()
    try:
        return path, Path(path).read_bytes()
    except OSError as error:
        raise UnreadableError(path, 0, error.strerror or "cannot be read") from None


def read_description(path: str) -> object:
    """The one document of a file or of standard input, YAML or JSON. Raises UnreadableError."""
    name, content = content_of(path)
    if content.lstrip()[:1] in {b"{", b"["} and len(content) <= MOST_BYTES:
        # Most of JSON is YAML, but not its pairs of surrogates.
        with suppress(orjson.JSONDecodeError):
            value: object = orjson.loads(content)
            if value_fault(value, _DESCRIPTION) is None:
                return value
    documents = parse(name, content)
    if len(documents) != 1:
        raise UnreadableError(name, 0, f"holds {len(documents)} documents; name a file with one")
    return documents[0].value


def read_connector(path: str) -> Connector:
    """The one Connector of a file or of standard input. Raises UnreadableError, which names its first fault."""
    name, content = content_of(path)
    documents = [document for document in parse(name, content) if document.kind == "Connector"]
    if len(documents) != 1:
        raise UnreadableError(name, 0, f"holds {len(documents)} Connectors; name a file with one")
    checked = check_object(documents[0])
    findings = list(checked.findings)
    if isinstance(checked.model, Connector):
        findings += check_contract(documents[0], checked.model)
        if not findings:
            return checked.model
    raise UnreadableError(name, findings[0].line, findings[0].message)
