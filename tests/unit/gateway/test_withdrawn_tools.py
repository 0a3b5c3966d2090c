# SPDX-License-Identifier: Apache-2.0
"""A tool that a connector no longer has: no violation of an app that was started or reviewed with it."""

from typing import Any

import pytest

from genapps.api.connector import Connector
from genapps.core.contracts.contract import contract_digest, contract_of
from genapps.core.contracts.stored import contract_object
from tests.unit.gateway.connectors import BOOK, LATEST, connector, manifest
from tests.unit.gateway.world import NOON, Installation, Reply, app_record

REVISION = "sha256:" + "e" * 64
RENAMED = {**LATEST, "name": "newest"}


def digest(of: Connector) -> str:
    return contract_digest(contract_of(of.spec))


def started(with_contract: str | None, **record: Any) -> dict[str, Any]:
    """The record of an app whose running revision started with this contract of `rates`."""
    one = {"digest": REVISION, "codeDigest": REVISION, "configDigest": REVISION}
    kept = {**one, "envelopeDigest": REVISION, "at": NOON.isoformat(), "result": "Running"}
    contracts = {"contracts": {"rates": with_contract}} if with_contract else {}
    envelope = {"digest": "sha256:" + "a" * 64, "connectors": ["rates"]}
    return app_record(envelope=envelope, revision=one, revisions=[kept | contracts], **record)


def frozen(of: Connector, connector: str = "rates") -> dict[str, Any]:
    """Of a record: the app was reviewed with this contract."""
    return {"contracts": [{"connector": connector, "digest": digest(of)}]}


def store(gateway: Installation, of: Connector) -> None:
    gateway.contracts.changed(contract_object("genapps-system", contract_of(of.spec)))


async def ask(gateway: Installation, tool: str = "latest", **arguments: Any) -> Reply:
    given = arguments or ({"currency": "EUR"} if tool in ("latest", "newest") else {})
    content = {"requestId": "r1", "step": 0, "connector": "rates", "tool": tool, "arguments": given}
    return await gateway.post("/v1/calls", content)


async def code(gateway: Installation, tool: str = "latest", **arguments: Any) -> str:
    reply = await ask(gateway, tool, **arguments)
    return "ok" if reply.status == 200 else str(reply.json()["code"])


async def test_a_tool_that_was_renamed_after_the_start_is_withdrawn_and_nothing_is_counted(
    gateway: Installation,
) -> None:
    store(gateway, connector())
    gateway.records.changed(started(digest(connector())))
    gateway.catalogue.changed(manifest(tools=[RENAMED, BOOK]))
    reply = await ask(gateway)
    assert (reply.status, reply.json()["code"], reply.json()["class"]) == (403, "ToolWithdrawn", "limit")
    assert "allowed: book, newest" in reply.json()["detail"]
    assert gateway.store.writes == 0
    assert await code(gateway, "newest") == "ok", "in Development the current contract is in force"


async def test_a_tool_that_neither_contract_has_is_a_violation(gateway: Installation) -> None:
    store(gateway, connector())
    gateway.records.changed(started(digest(connector())))
    gateway.catalogue.changed(manifest(tools=[RENAMED, BOOK]))
    assert await code(gateway, "drop") == "ToolNotInContract"
    assert gateway.store.ledger()["total"] == 1


@pytest.mark.parametrize(
    ("remembered", "expected"),
    [(None, "ToolNotInContract"), (digest(connector(tools=[RENAMED, BOOK])), "ToolNotInContract"),
     ("sha256:" + "9" * 64, "CheckFailed")],
    ids=["nothing is remembered", "it started with the current contract", "what is remembered is not known here"],
)  # fmt: skip
async def test_what_cannot_have_been_withdrawn(gateway: Installation, remembered: str | None, expected: str) -> None:
    gateway.records.changed(started(remembered))
    gateway.catalogue.changed(manifest(tools=[RENAMED, BOOK]))
    assert await code(gateway) == expected
    assert gateway.store.writes == (expected == "ToolNotInContract")


async def test_the_contract_of_an_earlier_revision_does_not_count(gateway: Installation) -> None:
    store(gateway, connector())
    record = started(digest(connector()))
    record["record"]["revision"]["digest"] = "sha256:" + "f" * 64
    gateway.records.changed(record)
    gateway.catalogue.changed(manifest(tools=[RENAMED, BOOK]))
    assert await code(gateway) == "ToolNotInContract"


async def test_a_contract_that_is_collected_is_no_longer_known(gateway: Installation) -> None:
    object_ = contract_object("genapps-system", contract_of(connector().spec))
    for way in ("an event", "a list"):
        gateway.contracts.listed([object_], "8")
        assert gateway.contracts.find(digest(connector())) is not None
        if way == "an event":
            gateway.contracts.deleted(object_)
        else:
            gateway.contracts.listed([], "9")
        assert gateway.contracts.find(digest(connector())) is None
