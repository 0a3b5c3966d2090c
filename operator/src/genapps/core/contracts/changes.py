# SPDX-License-Identifier: Apache-2.0
"""What a new version of a contract, or of a connector, changes, and whether that is wider.

A change is *narrower* only where that is proven; it holds at once for apps with a frozen contract. *Wider* and
*changed* ones wait for a review: the first let an app do or get more, the second are another call than the reviewed
one, or schemas of which nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from genapps.api.connector import ConnectorSpec
from genapps.core.contracts.contract import Contract, ToolContract, contract_of
from genapps.core.contracts.force import NO_ARGUMENTS, Schema
from genapps.core.contracts.narrowing import takes_no_more


class Effect(StrEnum):
    """What a change does to what apps may do and get."""

    NARROWER = "narrower"
    WIDER = "wider"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    effect: Effect
    where: str
    """The tool and the field, such as `latest.timeout`, or a field of spec."""
    what: str

    def __str__(self) -> str:
        return f"{self.effect}: {self.where}: {self.what}"


_CALL = {
    "method": "method",
    "path": "path",
    "query": "query",
    "headers": "headers",
    "body": "body",
    "key_header": "idempotency",
    "stream": "stream",
}
"""Fields that make another call, by their name in the contract and in the Connector."""


def widenings(old: Contract, new: Contract) -> tuple[Change, ...]:
    """What of the new contract waits for a review. Both are without faults (`contract_faults`)."""
    return tuple(change for change in contract_changes(old, new) if change.effect is not Effect.NARROWER)


def connector_changes(old: ConnectorSpec, new: ConnectorSpec) -> tuple[Change, ...]:
    """All that a new version of a connector changes for apps: its contract, and where calls go, for whom, and how."""
    return (*_reach_changes(old, new), *contract_changes(contract_of(old), contract_of(new)))


def contract_changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """All that a new contract changes."""
    return tuple(_contract_changes(old, new))


def _contract_changes(old: Contract, new: Contract) -> Iterator[Change]:
    if old.type != new.type:
        yield Change(Effect.CHANGED, "type", f"{old.type} becomes {new.type}")
    yield from _set_changes("models", old.models, new.models)
    if old.max_tokens != new.max_tokens:
        wider = new.max_tokens is None or (old.max_tokens is not None and new.max_tokens > old.max_tokens)
        what = f"{old.max_tokens or 'no bound'} becomes {new.max_tokens or 'no bound'}"
        yield Change(Effect.WIDER if wider else Effect.NARROWER, "maxTokens", what)
    yield from _set_changes("tools", [tool.name for tool in old.tools], [tool.name for tool in new.tools])
    for tool in new.tools:
        if (before := old.tool(tool.name)) is not None:
            yield from _tool_changes(before, tool)


def _set_changes(where: str, old: list[str] | tuple[str, ...], new: list[str] | tuple[str, ...]) -> Iterator[Change]:
    for name in sorted({*old} - {*new}):
        yield Change(Effect.NARROWER, where, f"{name} is withdrawn")
    for name in sorted({*new} - {*old}):
        yield Change(Effect.WIDER, where, f"{name} is new")


def _tool_changes(old: ToolContract, new: ToolContract) -> Iterator[Change]:
    if old.effect != new.effect:
        effect = Effect.WIDER if new.effect == "Write" else Effect.CHANGED
        yield Change(effect, f"{new.name}.effect", f"{old.effect} becomes {new.effect}")
    for field, name in _CALL.items():
        if getattr(old, field) != getattr(new, field):
            yield Change(Effect.CHANGED, f"{new.name}.{name}", "this is another call")
    if old.timeout_seconds != new.timeout_seconds:
        effect = Effect.WIDER if new.timeout_seconds > old.timeout_seconds else Effect.NARROWER
        yield Change(effect, f"{new.name}.timeout", f"{old.timeout_seconds}s becomes {new.timeout_seconds}s")
    yield from _schema_changes(f"{new.name}.input", old.input or NO_ARGUMENTS, new.input or NO_ARGUMENTS)
    yield from _schema_changes(f"{new.name}.output", old.output or {}, new.output or {})


def _schema_changes(where: str, old: Schema, new: Schema) -> Iterator[Change]:
    if old == new:
        return
    fits, fitted = takes_no_more(new, old), takes_no_more(old, new)
    if fits and not fitted:
        yield Change(Effect.NARROWER, where, "it takes less than before")
    elif fitted and not fits:
        yield Change(Effect.WIDER, where, "it takes more than before")
    elif not fits:
        yield Change(Effect.CHANGED, where, "it may take more than before; review it")


def _reach_changes(old: ConnectorSpec, new: ConnectorSpec) -> Iterator[Change]:
    """What is not in the contract, holds at once for every app, and is the platform's to review."""
    if old.endpoint != new.endpoint:
        yield Change(Effect.CHANGED, "endpoint", "calls go to another address")
    if old.credential != new.credential:
        yield Change(Effect.CHANGED, "credential", "calls carry another credential, or carry it otherwise")
    if old.step_token != new.step_token:
        yield Change(Effect.CHANGED, "stepToken", "calls carry step tokens for another audience, begin to, or stop to")
    yield from _set_changes("namespaces", old.namespaces, new.namespaces)
    risk = (old.minimum_risk_class, new.minimum_risk_class)
    if risk[0] != risk[1]:
        effect = Effect.WIDER if risk[1].rank < risk[0].rank else Effect.NARROWER
        yield Change(effect, "minimumRiskClass", f"{risk[0]} becomes {risk[1]}")
