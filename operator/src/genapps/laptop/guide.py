# SPDX-License-Identifier: Apache-2.0
"""One page for whoever generates apps: what this version has, and nothing that it has not.

Equal versions, budgets and connectors make equal text, so that a generator can keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from genapps.laptop import guide_javascript, guide_limits, guide_python
from genapps.laptop.named import SourceError


@dataclass(frozen=True, slots=True)
class _Text:
    """What is told of a language."""

    name: str
    start: str
    tools: str
    modules: Callable[[], Iterator[str]]
    stubs: str
    """The language of the stubs."""
    said_of_stubs: str


_TEXTS = {
    "python": _Text(
        "Python", guide_python.START, guide_python.TOOLS, guide_python.modules,
        "python", "These functions call them, and can be part of the app.",
    ),
    "javascript": _Text(
        "JavaScript", guide_javascript.START, guide_javascript.TOOLS, guide_javascript.modules,
        "typescript", "This is how they are found in `env`.",
    ),
}  # fmt: skip
_DEFAULT = "small"

T = TypeVar("T", bound=OwnModel)


def page(language: str, manifests: Sequence[Path], budget: Path | None, tier: str | None) -> str:
    """The page as Markdown. Raises SourceError."""
    connectors = [one for path in manifests for one in _objects(path, Connector)]
    limits = _tier(budget, tier)
    text = _TEXTS[language]
    lines = [
        f"# Writing a genapps app in {text.name}", "", text.start, "## Tools", "", text.tools,
        *_granted(connectors, text), "", "## Modules", "", *text.modules(), "",
        "## Limits", "", *_table(guide_limits.rows(limits)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _granted(connectors: Sequence[Connector], text: _Text) -> Iterator[str]:
    if not connectors:
        yield "No connector is granted to this app: do not call any."
        return
    names = ", ".join(connector.metadata.name for connector in connectors)
    yield f"Granted are the tools of {names}. {text.said_of_stubs}"
    for connector in connectors:
        yield from ("", f"```{text.stubs}", stubs(connector, text.stubs).rstrip("\n"), "```")


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
