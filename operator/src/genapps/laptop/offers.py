# SPDX-License-Identifier: Apache-2.0
"""The connectors of a laptop, as the gateway holds them: of a manifest, or as wide as stubs without one can be."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from genapps.api.apprecord import EnvelopeGrant, ObjectRef, Record, RecordedViolationPolicy
from genapps.api.connector import Connector
from genapps.cli.check.findings import dotted
from genapps.core.contracts.contract import contract_digest, contract_of
from genapps.core.risk import effective_risk
from genapps.gateway.callers.records import App
from genapps.gateway.catalogue import Offer, offered_tools
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.compiled import compile_tools
from genapps.laptop.named import SourceError
from genapps.laptop.source import NAMESPACE, AppSource
from genapps.laptop.stubs import VALUE_ERROR, Stubs, StubTool

_UID = "laptop"


def caller(source: AppSource) -> App:
    """The app as the gateway knows it."""
    app, envelope = source.app, source.app.spec.envelope
    where = ObjectRef(namespace=app.metadata.namespace, name=app.metadata.name, uid=_UID)
    record = Record(
        app=where,
        namespace_uid=_UID,
        owner=envelope.owner,
        budget=app.spec.budget,
        run_namespace=NAMESPACE,
        tier=source.tier,
        violation_policy=RecordedViolationPolicy(),
        envelope=EnvelopeGrant(digest=envelope.digest, connectors=envelope.connectors),
        effective_risk=effective_risk(envelope.risk_class, envelope.connectors, source.connectors),
    )
    return App(app.metadata.name, record)


def offers(source: AppSource, stubs: Stubs) -> dict[str, Offer]:
    """What can be called, by connector. Raises SourceError for a stub of a tool that the manifest has not."""
    found = {name: _offer(connector) for name, connector in source.connectors.items()}
    for name, tools in stubs.connectors.items():
        if name not in found:
            found[name] = _offer(_as_wide_as(name, tools, source.app.metadata.namespace))
        for tool in tools.keys() - found[name].tools.keys():
            known = ", ".join(sorted(found[name].tools)) or "none"
            raise SourceError(f"stubs: the connector {name} has no tool {tool!r} (it has: {known})")
    return found


def _offer(connector: Connector) -> Offer:
    try:
        tools = offered_tools(connector.spec, compile_tools(connector))
    except CheckFailedError as error:
        raise SourceError(f"the contract of the connector {connector.metadata.name}: {error}") from None
    digest = contract_digest(contract_of(connector.spec))
    return Offer(connector.metadata.name, connector.spec, digest, tools=tools)


def _as_wide_as(name: str, tools: Mapping[str, StubTool], namespace: str) -> Connector:
    """A connector with the tools of the stubs, which take any arguments and give any result."""
    said = [
        {"name": tool, "effect": stub.effect or "Write", "input": {"type": "object"}} for tool, stub in tools.items()
    ]
    spec = {"type": "MCP", "endpoint": {"url": "https://stub.example.com"}, "namespaces": [namespace], "tools": said}
    try:
        return Connector.model_validate({"metadata": {"name": name}, "spec": spec})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        why = f"{dotted(fault['loc'])}: {fault['msg'].removeprefix(VALUE_ERROR)}"
        raise SourceError(f"stubs: the connector {name}: {why}") from None
