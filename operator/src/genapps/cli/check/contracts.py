# SPDX-License-Identifier: Apache-2.0
"""The contract of a Connector: what the CRD cannot check, and the gateway would refuse."""

from collections.abc import Iterator
from typing import Any

from genapps.api.connector import Connector
from genapps.cli.check.documents import Document, FieldPath
from genapps.cli.check.findings import Code, Finding, placed
from genapps.core.contracts.faults import contract_faults


def check_contract(document: Document, connector: Connector) -> Iterator[Finding]:
    """Each fault, at its line."""
    for fault in contract_faults(connector):
        yield placed(document, _path(document.value, fault.pointer), Code.INVALID, str(fault))


def _path(value: Any, pointer: str) -> FieldPath:
    """The fields and indices of a JSON pointer."""
    path: list[str | int] = []
    for part in pointer.split("/")[1:]:
        if isinstance(value, list):
            path.append(int(part))
            value = value[int(part)]
        else:
            name = part.replace("~1", "/").replace("~0", "~")
            path.append(name)
            value = value.get(name) if isinstance(value, dict) else None
    return tuple(path)
