# SPDX-License-Identifier: Apache-2.0
"""A Connector from a manifest."""

from __future__ import annotations

import sys
from pathlib import Path

from genapps.api.connector import Connector
from genapps.cli.check.contracts import check_contract
from genapps.cli.check.documents import UnreadableError, parse
from genapps.cli.check.manifests import check_object

STDIN = "-"


def content_of(path: str) -> tuple[str, bytes]:
    """The name of an input for messages, and its bytes; `-` is standard input. Raises UnreadableError."""
    if path == STDIN:
        return "<stdin>", sys.stdin.buffer.read()
    try:
        return path, Path(path).read_bytes()
    except OSError as error:
        raise UnreadableError(path, 0, error.strerror or "cannot be read") from None


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
