# SPDX-License-Identifier: Apache-2.0
"""Reads the inputs, checks each, and prints what was found."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from genapps.api.appbudget import AppBudget
from genapps.api.connector import Connector
from genapps.api.digests import INLINE_ENTRY
from genapps.api.generatedapp import GeneratedApp
from genapps.cli.check.apps import Surroundings, check_app, check_code, check_source, is_source, refers_to
from genapps.cli.check.contracts import check_contract
from genapps.cli.check.documents import Document, UnreadableError
from genapps.cli.check.findings import Finding
from genapps.cli.check.inputs import STDIN, Inputs, read, read_documents
from genapps.cli.check.manifests import Checked, check_config_map, check_object, is_config_map

Report = tuple[list[Finding], list[Finding]]
"""Findings, and notes: what was not checked, and what runs but loses its data."""


def run(
    paths: Sequence[str], *, budget: Path | None, entry: str | None, namespace: str, recursive: bool, as_json: bool
) -> int:
    """Print the findings; the exit code: 0 nothing found, 1 something found, 2 an input cannot be read."""
    try:
        stdin = sys.stdin.buffer.read() if STDIN in paths else b""
        inputs = read(paths, stdin, entry, recursive=recursive)
        if budget is not None:
            inputs.documents += _budgets(budget)
    except UnreadableError as error:
        click.echo(f"genapps check: {error}", err=True)
        return 2
    findings, notes = check(inputs, entry, namespace)
    if as_json:
        report = {"findings": [asdict(one) for one in findings], "notes": [asdict(one) for one in notes]}
        click.echo(json.dumps(report, indent=2))
        return int(bool(findings))
    for note in notes:
        click.echo(note, err=True)
    for finding in findings:
        click.echo(finding)
    if not findings:
        click.echo("Nothing found.")
    return int(bool(findings))


def check(inputs: Inputs, entry: str | None, namespace: str) -> Report:
    """Everything that is wrong with the inputs, by file and line."""
    objects = [document for document in inputs.documents if not is_config_map(document)]
    config_maps = [document for document in inputs.documents if is_config_map(document)]
    checked = [(document, check_object(document)) for document in objects]
    found = [finding for _, result in checked for finding in result.findings]
    for document, result in checked:
        if isinstance(result.model, Connector):
            found += check_contract(document, result.model)
    malformed = [finding for document in config_maps for finding in check_config_map(document)]
    found += malformed
    spoilt = {finding.file for finding in malformed}
    around = _surroundings(checked, [each for each in config_maps if each.file not in spoilt], namespace)
    notes: list[Finding] = []
    apps = [(document, result) for document, result in checked if document.kind == "GeneratedApp"]
    for document, result in apps:
        more, unchecked = check_app(document, result.model if isinstance(result.model, GeneratedApp) else None, around)
        found += more
        notes += unchecked
    referred = {refers_to(document) for document, _ in apps}
    for document in around.config_maps:
        if document.metadata.get("name") not in referred and _holds_code(document, entry, alone=not apps):
            more, unchecked = check_source(document, entry or _entry_in(document))
            found += more
            notes += unchecked
    for code in inputs.code:
        more, unchecked = check_code(code)
        found += more
        notes += unchecked
    # An input that is named twice, and code that two apps share, are reported once.
    return sorted(set(found)), sorted(set(notes))


def _surroundings(
    checked: Sequence[tuple[Document, Checked]], config_maps: Sequence[Document], namespace: str
) -> Surroundings:
    models = [result.model for _, result in checked]
    return Surroundings(
        namespace=namespace,
        budgets={model.metadata.name: model for model in models if isinstance(model, AppBudget)},
        connectors={model.metadata.name: model for model in models if isinstance(model, Connector)},
        config_maps=config_maps,
    )


def _holds_code(document: Document, entry: str | None, *, alone: bool) -> bool:
    """It says so, or it is all there is and has an entry."""
    has_entry = (entry or _entry_in(document)) in _keys(document)
    return is_source(document) or (alone and (has_entry or entry is not None))


def _entry_in(document: Document) -> str:
    """The entry that a ConfigMap has by its usual name."""
    keys = _keys(document)
    return next((name for name in INLINE_ENTRY.values() if name in keys), INLINE_ENTRY["python"])


def _keys(document: Document) -> set[str]:
    """Of a ConfigMap: texts, and what is no text."""
    parts = (document.value.get(part) for part in ("data", "binaryData"))
    return {key for part in parts if isinstance(part, dict) for key in part}


def _budgets(path: Path) -> list[Document]:
    found = [document for document in read_documents(path) if document.kind in {"AppBudget", "Connector"}]
    if not any(document.kind == "AppBudget" for document in found):
        raise UnreadableError(str(path), 0, "holds no AppBudget")
    return found
