# SPDX-License-Identifier: Apache-2.0
"""Which apps a hold would match, told from their spec and status by the functions that the operator judges by."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from genapps.api.apphold import HoldSelector
from genapps.api.envelope import RiskClass
from genapps.api.generatedapp import GeneratedApp
from genapps.core.holds import Candidate, candidate, selects
from genapps.core.text import plain

_FAULT_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What a hold would match."""

    apps: int
    """All apps that there are."""
    matched: tuple[Candidate, ...]
    suspended: int
    """Those of the matched ones that have a suspension already."""
    uncertain: tuple[str, ...]
    """`namespace/name` of apps that match if their source holds the code; which one it holds, no status tells."""
    unreadable: tuple[str, ...]
    """Apps of another version of the CRD, with what does not fit."""


def blast_radius(selector: HoldSelector, apps: Sequence[Mapping[str, Any]]) -> BlastRadius:
    """`apps` are GeneratedApps as the API server answers them."""
    matched: list[Candidate] = []
    uncertain: list[str] = []
    unreadable: list[str] = []
    suspended = 0
    for raw in apps:
        metadata, status = raw["metadata"], raw.get("status") or {}
        key = f"{metadata['namespace']}/{metadata['name']}"
        try:
            app = GeneratedApp.model_validate(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            fault = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
            unreadable.append(plain(f"GeneratedApp {key}: {fault}", _FAULT_CHARACTERS))
            continue
        seen = _seen(app, status)
        if selects(selector, seen):
            matched.append(seen)
            suspended += status.get("suspension") is not None
        elif selects(selector, seen, any_code=True) and not _knows_source(app, status):
            uncertain.append(key)
    return BlastRadius(len(apps), tuple(matched), suspended, tuple(sorted(uncertain)), tuple(sorted(unreadable)))


def as_text(found: BlastRadius) -> str:
    """Three tables of counts and a sentence, in lines."""
    tables = (
        ("NAMESPACE", Counter(app.namespace for app in found.matched)),
        ("OWNER", Counter(app.owner for app in found.matched)),
        ("RISK", Counter(str(app.risk) for app in found.matched)),
    )
    lines = [line for heading, counts in tables if counts for line in (*_table(heading, counts), "")]
    lines.append(
        f"{len(found.matched)} of {found.apps} apps match; {found.suspended} of them are suspended already. "
        "Nothing was written."
    )
    return "\n".join(lines)


def doubts(found: BlastRadius) -> Iterator[str]:
    """What the counts leave out, a sentence each."""
    for app in found.uncertain:
        yield f"{app} may match: its status does not say which code its source holds"
    for fault in found.unreadable:
        yield f"cannot read {fault}"


def _seen(app: GeneratedApp, status: Mapping[str, Any]) -> Candidate:
    codes: Iterable[str | None] = (status.get("codeDigest"), app.spec.code.digest)
    declared = candidate(app, {}, tuple(code for code in codes if code))
    told = status.get("effectiveRisk")
    # What its connectors demand the operator has told; one that was never judged is what it declares.
    return replace(declared, risk=RiskClass(told)) if told in tuple(RiskClass) else declared


def _knows_source(app: GeneratedApp, status: Mapping[str, Any]) -> bool:
    """Whether the code in the source is among those that the app was seen with."""
    if app.spec.code.digest:
        return True
    settled = bool(status.get("revision")) and status["revision"] == status.get("desiredRevision")
    return settled and status.get("observedGeneration") == app.metadata.generation


def _table(heading: str, counts: Counter[str]) -> Iterator[str]:
    width = max(len(heading), *(len(name) for name in counts))
    yield f"{heading:<{width}}  APPS"
    for name, count in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
        yield f"{name:<{width}}  {count}"
