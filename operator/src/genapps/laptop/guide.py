# SPDX-License-Identifier: Apache-2.0
"""One page for whoever generates apps: what this version has, and nothing that it has not.

Equal versions, budgets and connectors make equal text, so that a generator can keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from genapps.api.appbudget import AppBudget, Tier
from genapps.api.apprecord import ResolvedTier
from genapps.api.connector import Connector
from genapps.api.fields import OwnModel
from genapps.cli.check.contracts import check_contract
from genapps.cli.check.documents import UnreadableError
from genapps.cli.check.inputs import read_documents
from genapps.cli.check.manifests import check_object
from genapps.cli.connector.stubs import stubs
from genapps.laptop import guide_limits, guide_python
from genapps.laptop.source import SourceError

_STUBS = {"python": "python", "javascript": "typescript"}
_DEFAULT = "small"

T = TypeVar("T", bound=OwnModel)


def page(language: str, manifests: Sequence[Path], budget: Path | None, tier: str | None) -> str:
    """The page as Markdown. Raises SourceError."""
    if language != "python":
        raise SourceError(f"there is no guide for {language} yet")
    connectors = [one for path in manifests for one in _objects(path, Connector)]
    limits = _tier(budget, tier)
    lines = [
        "# Writing a genapps app in Python", "", guide_python.START, "## Tools", "", *_tools(connectors, language),
        "", "## Modules", "", *guide_python.modules(), "", "## Limits", "", *_table(guide_limits.rows(limits)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _tools(connectors: Sequence[Connector], language: str) -> Iterator[str]:
    yield guide_python.TOOLS
    if not connectors:
        yield "No connector is granted to this app: do not call any."
        return
    names = ", ".join(connector.metadata.name for connector in connectors)
    yield f"Granted are the tools of {names}, as these functions call them. They can be part of the app."
    for connector in connectors:
        yield from ("", f"```{language}", stubs(connector, _STUBS[language]).rstrip("\n"), "```")


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from ("| limit | value |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in rows)


def _tier(budget: Path | None, wanted: str | None) -> ResolvedTier:
    if budget is None:
        if wanted is not None:
            raise SourceError("--tier names a tier of an AppBudget: name its manifest with --budget")
        return ResolvedTier.model_validate({**Tier().model_dump(), "name": _DEFAULT})
    found = _objects(budget, AppBudget)
    if len(found) != 1:
        raise SourceError(f"{budget}: must hold one AppBudget")
    tiers = found[0].spec.tiers
    name = wanted or (next(iter(tiers)) if len(tiers) == 1 else "")
    if name not in tiers:
        raise SourceError(f"{budget}: name one of its tiers with --tier (it has: {', '.join(sorted(tiers))})")
    return ResolvedTier.model_validate({**tiers[name].model_dump(), "name": name})


def _objects(path: Path, kind: type[T]) -> list[T]:
    """The objects of that kind. Raises SourceError: for a file without one, and for a faulty one."""
    try:
        documents = [one for one in read_documents(path) if one.kind == kind.__name__]
    except UnreadableError as error:
        raise SourceError(str(error)) from None
    found = []
    for document in documents:
        checked = check_object(document)
        faults = [*checked.findings]
        if isinstance(checked.model, Connector):
            faults += check_contract(document, checked.model)
        if faults or not isinstance(checked.model, kind):
            raise SourceError("\n".join(map(str, faults)))
        found.append(checked.model)
    if not found:
        raise SourceError(f"{path}: holds no {kind.__name__}")
    return found
