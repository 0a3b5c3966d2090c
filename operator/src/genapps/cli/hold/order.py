# SPDX-License-Identifier: Apache-2.0
"""An AppHold from options or a file, judged by CRD and model before anything is asked of a cluster."""

from collections.abc import Mapping
from typing import Any

from genapps.api.apphold import AppHold
from genapps.api.names import API_VERSION
from genapps.cli.check.documents import Document, UnreadableError, parse
from genapps.cli.check.manifests import check_object
from genapps.cli.connector.reading import content_of

Manifest = dict[str, Any]
_UNSAID = "dry-run"
"""A name and a reason for a hold that is never written."""


def manifest(name: str, selector: Mapping[str, Any], reason: str, until: str | None) -> Manifest:
    """The AppHold as it would be written, not judged yet. Without a name or reason it is for a preview."""
    spec: Manifest = {"selector": dict(selector), "reason": reason or _UNSAID}
    if until is not None:
        spec["until"] = until
    return {
        "apiVersion": API_VERSION,
        "kind": "AppHold",
        "metadata": {"name": name or _UNSAID},
        "spec": spec,
    }


def hold_of_options(value: Manifest) -> AppHold:
    """Raises UnreadableError, which names the first fault."""
    return _judged(Document("the options", value, {}), line=False)


def hold_of_file(path: str) -> AppHold:
    """The one AppHold of a file, or of standard input (`-`). Raises UnreadableError, which names its first fault."""
    name, content = content_of(path)
    documents = [document for document in parse(name, content) if document.kind == "AppHold"]
    if len(documents) != 1:
        raise UnreadableError(name, 0, f"holds {len(documents)} AppHolds; name a file with one")
    return _judged(documents[0], line=True)


def _judged(document: Document, *, line: bool) -> AppHold:
    checked = check_object(document)
    if isinstance(checked.model, AppHold):
        return checked.model
    first = checked.findings[0]
    raise UnreadableError(document.file, first.line if line else 0, first.message)
