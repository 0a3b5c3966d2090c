# SPDX-License-Identifier: Apache-2.0
"""What may be called: the Connectors, watched, and where the Services among them are reached.

The gateway reads the Connectors itself, so that a withdrawal holds at once, also while the operator is down. It reads
no Services: the operator resolves those that connectors name into EndpointSlices beside the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import structlog
from pydantic import ValidationError

from genapps.api import names, quantities
from genapps.api.connector import Connector, ConnectorSpec, Tool, ToolEffect
from genapps.api.digests import canonical, sha256
from genapps.core.connector_use import spec_version
from genapps.core.contracts.contract import contract_digest, contract_of
from genapps.core.contracts.faults import contract_faults
from genapps.gateway.connectors.exchange import Binding
from genapps.gateway.connectors.http import HttpTool
from genapps.gateway.connectors.mcp import McpTool
from genapps.gateway.connectors.model import ModelTool
from genapps.gateway.connectors.streams import StreamedTool
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.compiled import CompiledTool, compile_tools
from genapps.gateway.egress.messages import Target

_HTTPS_PORT = 443

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """One tool of a connector: the contract that calls are held to, and what the platform says beside it."""

    compiled: CompiledTool
    binding: Binding
    """How the connector is spoken to."""
    cache_seconds: float = 0.0
    """How long a result may be reused; 0: never."""
    call_micros: int | None = None
    """What each call costs, in millionths of a US dollar; None: what its tokens cost."""

    @property
    def name(self) -> str:
        """By which apps call it."""
        return self.compiled.tool.contract.name

    @property
    def effect(self) -> ToolEffect:
        """Whether a call may change something."""
        return self.compiled.tool.contract.effect

    @property
    def keyed(self) -> bool:
        """Whether the same call with the same key is executed once."""
        return self.compiled.tool.contract.key_header is not None

    @property
    def streamed(self) -> StreamedTool | None:
        """What asks for an answer that is taken while it comes; None where the tool has no such answers."""
        return self.binding if isinstance(self.binding, ModelTool | HttpTool) and self.binding.streams else None

    @property
    def only_streamed(self) -> bool:
        """Whether it has no other answers."""
        return self.compiled.tool.contract.stream is not None

    @property
    def seconds(self) -> float:
        """How long a call may take."""
        return self.compiled.tool.timeout_seconds


@dataclass(frozen=True, slots=True)
class Offer:
    """One connector as it is now. `unusable` says why no call is made, whatever is asked; empty when calls are."""

    name: str
    spec: ConnectorSpec
    contract_digest: str
    source: str = ""
    """Digest of where it is and as whom it is called: what comes from elsewhere is another result."""
    version: str = ""
    """Of its spec: another whenever somebody changes it."""
    tools: Mapping[str, OfferedTool] = field(default_factory=dict)
    unusable: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Tools that are another call than the app was reviewed with, each with the field that differs."""

    def granted_to(self, namespace: str) -> bool:
        """Whether apps of the namespace may use it."""
        return namespace in self.spec.namespaces


class Catalogue:
    """A sink of the watch on Connectors. `on_gone` is called with the name of each that is withdrawn."""

    def __init__(self, on_gone: Callable[[str], None] = lambda _: None) -> None:
        self._on_gone = on_gone
        self._offers: dict[str, Offer] = {}
        self._generations: dict[str, tuple[object, object]] = {}
        """Uid and generation of what was read last: a change of its status alone compiles nothing anew."""

    def find(self, name: str) -> Offer | None:
        """The connector of that name."""
        return self._offers.get(name)

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list: what is not in it is withdrawn."""
        for name in self._offers.keys() - {str(object_["metadata"]["name"]) for object_ in objects}:
            self._withdraw(name)
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: dict[str, Any]) -> None:
        """A Connector was written. One that cannot be read is no connector; one whose contract is refused answers
        nobody, and says why."""
        metadata = object_["metadata"]
        name, generation = str(metadata["name"]), (metadata.get("uid"), metadata.get("generation"))
        if metadata.get("deletionTimestamp"):
            self._withdraw(name)
            return
        if name in self._offers and self._generations[name] == generation and None not in generation:
            return
        try:
            connector = Connector.model_validate(object_)
        except ValidationError as error:
            self._withdraw(name)
            _log.error("connector_unreadable", connector=name, faults=error.error_count())
            return
        version = spec_version(*generation)
        self._offers[name], self._generations[name] = _offer(name, connector, version), generation

    def deleted(self, object_: dict[str, Any]) -> None:
        """A Connector is withdrawn."""
        self._withdraw(str(object_["metadata"]["name"]))

    def _withdraw(self, name: str) -> None:
        if self._offers.pop(name, None) is not None:
            del self._generations[name]
            self._on_gone(name)


class ServiceAddresses:
    """A sink of the watch on the EndpointSlices that the operator makes for connectors."""

    def __init__(self) -> None:
        self._slices: dict[str, tuple[tuple[str, str], int, tuple[str, ...]]] = {}
        self._found: dict[tuple[str, str], tuple[int, tuple[str, ...]] | None] = {}
        """What was asked for since a slice has changed: each call asks."""

    def of(self, connector: str, service: str) -> tuple[int, tuple[str, ...]] | None:
        """Port and addresses of the pods behind a connector with that Service (`service_reference`); None: the operator
        has resolved none. What was resolved for a Service that it named before does not count."""
        wanted = (connector, service)
        if wanted not in self._found:
            found = [(port, addresses) for about, port, addresses in self._slices.values() if about == wanted]
            self._found[wanted] = found[0] if len(found) == 1 else None
        return self._found[wanted]

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list: what is not in it is gone."""
        self._found.clear()
        self._slices.clear()
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: dict[str, Any]) -> None:
        """A slice was written; one without the label or a port is of no use."""
        self._found.clear()
        metadata = object_["metadata"]
        connector = (metadata.get("labels") or {}).get(names.LABEL_CONNECTOR)
        ports = [port["port"] for port in object_.get("ports") or () if isinstance(port.get("port"), int)]
        if not connector or len(ports) != 1:
            self._slices.pop(str(metadata["name"]), None)
            return
        addresses = tuple(
            address
            for endpoint in object_.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint.get("addresses") or ()
        )
        service = (metadata.get("annotations") or {}).get(names.ANNOTATION_SERVICE, "")
        self._slices[str(metadata["name"])] = ((str(connector), service), ports[0], addresses)

    def deleted(self, object_: dict[str, Any]) -> None:
        """A slice is gone."""
        self._found.clear()
        self._slices.pop(str(object_["metadata"]["name"]), None)


def target(offer: Offer, services: ServiceAddresses) -> Target | None:
    """Where the connector is reached now; None while a Service has no ready pod."""
    endpoint = offer.spec.endpoint
    if endpoint.service is not None:
        named = endpoint.service
        resolved = services.of(offer.name, names.service_reference(named.namespace, named.name, named.port))
        if resolved is None or not resolved[1]:
            return None
        return _service_target(offer.name, f"{named.name}.{named.namespace}.svc", *resolved)
    return _public_target(offer.name, endpoint.url or "")


@lru_cache(maxsize=1024)
def _service_target(connector: str, host: str, port: int, addresses: tuple[str, ...]) -> Target:
    """Remembered, as below: connections are kept by target, and the same one is found sooner than an equal one."""
    return Target(connector, "http", host, port, addresses)


@lru_cache(maxsize=1024)
def _public_target(connector: str, url: str) -> Target:
    """Remembered: a URL is read for each call, and changes rarely."""
    parts = urlsplit(url)
    return Target(connector, "https", parts.hostname or "", parts.port or _HTTPS_PORT, None)


def _offer(name: str, connector: Connector, version: str) -> Offer:
    faults = contract_faults(connector)
    if faults:
        _log.error("contract_refused", connector=name, fault=str(faults[0]))
        return Offer(name, connector.spec, "", unusable="its contract is refused: see the Connector's status")
    digest = contract_digest(contract_of(connector.spec))
    try:
        compiled = compile_tools(connector)
    except CheckFailedError as error:
        _log.error("contract_not_compiled", connector=name, why=str(error))
        return Offer(name, connector.spec, digest, unusable="its contract cannot be checked")
    tools = offered_tools(connector.spec, compiled)
    return Offer(name, connector.spec, digest, _source(connector.spec), version, tools)


def offered_tools(spec: ConnectorSpec, compiled: Mapping[str, CompiledTool]) -> dict[str, OfferedTool]:
    """The tools of a contract in force, with what the platform says beside it."""
    base_path = urlsplit(spec.endpoint.url or "").path.rstrip("/")
    said = {tool.name: tool for tool in spec.tools}
    return {
        tool: OfferedTool(
            contract, _binding(spec, contract, base_path), _reused(said.get(tool)), _call_micros(said.get(tool))
        )
        for tool, contract in compiled.items()
    }


def _source(spec: ConnectorSpec) -> str:
    """Digest of where a connector is and as whom it is called."""
    parts = (spec.endpoint, spec.credential)
    written = [part and part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in parts]
    return sha256(canonical(written))


def _binding(spec: ConnectorSpec, compiled: CompiledTool, base_path: str) -> Binding:
    if spec.type == "Model":
        return ModelTool(compiled.tool.contract, spec, base_path)
    if spec.type == "MCP":
        return McpTool(compiled.tool.contract, spec)
    return HttpTool(compiled.tool.contract, base_path, compiled.result_fault)


def _reused(said: Tool | None) -> int:
    """For how many seconds a result may be reused."""
    return quantities.seconds(said.cache) if said is not None and said.cache and said.effect == "Read" else 0


def _call_micros(said: Tool | None) -> int | None:
    """What each call costs."""
    return None if said is None or said.cost is None else quantities.micro_dollars(said.cost.usd)
