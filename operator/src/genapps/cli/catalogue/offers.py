# SPDX-License-Identifier: Apache-2.0
"""What budgets and connectors offer, and how it is printed. Neither spend nor hosts are part of it.

Pure: the objects are those that the API server answered.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from genapps.api.appbudget import AppBudget
from genapps.api.connector import Connector
from genapps.core.text import plain

_GAP = "  "
_NONE = "-"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Catalogue:
    """The offers for one namespace, or all of them."""

    budgets: tuple[AppBudget, ...]
    connectors: tuple[Connector, ...]
    unreadable: tuple[str, ...] = ()
    """Objects of another version of the CRDs, with what does not fit."""


def catalogue(budgets: Sequence[Any], connectors: Sequence[Any], namespace: str) -> Catalogue:
    """The objects that list the namespace (all where it is empty), by name."""
    unreadable: list[str] = []
    read_budgets = _read(AppBudget, budgets, unreadable)
    read_connectors = _read(Connector, connectors, unreadable)
    return Catalogue(
        tuple(each for each in read_budgets if not namespace or namespace in each.spec.namespaces),
        tuple(each for each in read_connectors if not namespace or namespace in each.spec.namespaces),
        tuple(unreadable),
    )


def as_json(found: Catalogue) -> dict[str, Any]:
    """`{"budgets": [...], "connectors": [...]}`, with the names of the fields as in the manifests."""
    policy = {"max_risk_class", "max_apps", "languages", "workload_classes", "image_registries"}
    return {
        "budgets": [
            {"name": each.metadata.name, **_wire(each.spec, {"namespaces": True, "tiers": True, "policy": policy})}
            for each in found.budgets
        ],
        "connectors": [
            {
                "name": each.metadata.name,
                **_wire(
                    each.spec,
                    dict.fromkeys(
                        ("type", "description", "namespaces", "minimum_risk_class", "models", "max_tokens", "tools"),
                        True,
                    ),
                ),
            }
            for each in found.connectors
        ],
    }


def as_text(found: Catalogue, *, wide: bool) -> str:
    """Two tables: a row for each tier, and one for each tool."""
    tiers = _table(
        ("BUDGET", "TIER", "MEMORY", "CPU", "CONCURRENCY", "CALLS/MIN", "STATE"),
        ("MAX RISK", "LANGUAGES", "WORKLOAD CLASSES", "NAMESPACES"),
        _tiers(found.budgets),
        wide=wide,
    )
    tools = _table(
        ("CONNECTOR", "TYPE", "RISK", "TOOL", "EFFECT"),
        ("METHOD", "PATH", "DESCRIPTION", "NAMESPACES"),
        _tools(found.connectors),
        wide=wide,
    )
    return "\n\n".join((tiers or "No tiers: no AppBudget lists the namespace.", tools or "No connectors."))


def _read(model: type[Model], objects: Sequence[Any], unreadable: list[str]) -> list[Model]:
    found = []
    for each in sorted(objects, key=lambda one: str(one["metadata"]["name"])):
        try:
            found.append(model.model_validate(each))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            unreadable.append(f"{model.__name__} {each['metadata']['name']}: {place}: {first['msg']}")
    return found


def _tiers(budgets: Sequence[AppBudget]) -> Iterator[tuple[str, ...]]:
    for budget in budgets:
        policy = budget.spec.policy
        for name, tier in sorted(budget.spec.tiers.items()):
            yield (
                budget.metadata.name,
                name,
                tier.guest_memory,
                tier.cpu,
                str(tier.concurrency),
                str(tier.calls_per_minute),
                tier.state.claim,
                policy.max_risk_class,
                ",".join(policy.languages),
                ",".join(policy.workload_classes),
                ",".join(budget.spec.namespaces),
            )


def _tools(connectors: Sequence[Connector]) -> Iterator[tuple[str, ...]]:
    for connector in connectors:
        spec = connector.spec
        head = (connector.metadata.name, spec.type, spec.minimum_risk_class)
        where = ",".join(spec.namespaces)
        for tool in spec.tools:
            yield (
                *head,
                tool.name,
                tool.effect,
                tool.method or "",
                tool.path or "",
                plain(tool.description or "", 60),
                where,
            )
        for model in spec.models:
            yield (*head, plain(model, 63), "model", "", "", plain(spec.description or "", 60), where)
        if not spec.tools and not spec.models:
            yield (*head, "", "", "", "", plain(spec.description or "", 60), where)


def _table(titles: tuple[str, ...], more: tuple[str, ...], rows: Iterator[tuple[str, ...]], *, wide: bool) -> str:
    shown = (*titles, *more) if wide else titles
    lines = [shown, *(tuple(cell or _NONE for cell in row[: len(shown)]) for row in rows)]
    if len(lines) == 1:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(shown))]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _wire(spec: BaseModel, fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec.model_dump(by_alias=True, exclude_none=True, mode="json", include=dict(fields))
    return found
