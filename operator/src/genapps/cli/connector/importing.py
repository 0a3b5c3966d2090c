# SPDX-License-Identifier: Apache-2.0
"""From a description to the manifest of a Connector, which passes every check or is not written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from genapps.api.connector import Connector, Tool
from genapps.api.names import API_VERSION
from genapps.cli.check.contracts import check_contract
from genapps.cli.check.documents import parse
from genapps.cli.check.manifests import check_object
from genapps.cli.connector.mcp import mcp_tools
from genapps.cli.connector.openapi import OpenApi
from genapps.cli.connector.refusals import Offer, RefusedError
from genapps.core.contracts.hidden_text import hidden_text_faults
from genapps.core.contracts.pointers import ContractFault, pointer
from genapps.core.contracts.tool_faults import tool_faults

_SERVICE = re.compile(r"([^/:]+)/([^/:]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    name: str
    namespaces: Sequence[str]
    url: str
    """The address in place of the description's; empty: the description's."""
    service: str
    """`namespace/name:port` of a Service, in place of a URL."""
    tools: Sequence[str] = ()
    """The tools to take; none: all."""
    skip_refused: bool = False
    trust_hints: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """What came out."""

    manifest: str
    """YAML; empty where something was refused."""
    refused: tuple[str, ...]
    """What no Connector can hold, one line each."""


def import_openapi(document: Any, options: Options) -> Import:
    """A Connector of type HTTP."""
    try:
        description = OpenApi(document)
        about = description.description()
        origin, base_path = (options.url, "") if options.url else description.server()
        origin = "" if options.service and not options.url else origin
        offers = list(description.tools(base_path))
    except RefusedError as error:
        return Import("", (str(error.fault),))
    return _manifest("HTTP", about, origin, offers, options)


def import_mcp(document: Any, options: Options) -> Import:
    """A Connector of type MCP."""
    try:
        offers = list(mcp_tools(document, trust_hints=options.trust_hints))
    except RefusedError as error:
        return Import("", (str(error.fault),))
    return _manifest("MCP", None, options.url, offers, options)


def _manifest(
    kind: Literal["HTTP", "MCP"], about: str | None, origin: str, offers: Iterable[Offer], options: Options
) -> Import:
    tools: list[dict[str, Any]] = []
    refused: list[str] = []
    for offer in offers:
        if offer.tool is None:
            refused.append(str(offer.refused))
        elif not options.tools or offer.tool["name"] in options.tools:
            faults = [str(fault) for fault in _faults(kind, offer)]
            refused += faults
            tools += [] if faults else [offer.tool]
    missing = sorted({*options.tools} - {tool["name"] for tool in tools})
    wrong = [f"there is no tool '{name}'" for name in missing]
    if bool(origin) == bool(options.service) or (options.service and not _SERVICE.fullmatch(options.service)):
        wrong.append("name the service by --url https://… or by --service namespace/name:port")
    refused += wrong
    if refused and (wrong or not options.skip_refused):
        return Import("", tuple(refused))
    spec: dict[str, Any] = {"type": kind} | ({"description": about} if about else {})
    spec |= {"endpoint": _endpoint(origin, options.service), "namespaces": sorted(options.namespaces), "tools": tools}
    whole = {"apiVersion": API_VERSION, "kind": "Connector", "metadata": {"name": options.name}, "spec": spec}
    manifest = yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    findings = _findings(manifest)
    return Import("" if findings else manifest, (*refused, *findings))


def _faults(kind: str, offer: Offer) -> Iterable[ContractFault]:
    """Why a tool may stand in no contract, at its place in the description."""
    try:
        tool = Tool.model_validate(offer.tool)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return [ContractFault(pointer(offer.at), f"{pointer(first['loc'])}: {first['msg']}")]
    faults = (*hidden_text_faults(offer.tool), *tool_faults(kind, tool))
    return [ContractFault(pointer(offer.at), str(fault)) for fault in faults]


def _findings(manifest: str) -> list[str]:
    (document,) = parse("the manifest", manifest.encode())
    checked = check_object(document)
    found = list(checked.findings)
    if isinstance(checked.model, Connector):
        found += check_contract(document, checked.model)
    return [finding.message for finding in found]


def _endpoint(origin: str, service: str) -> dict[str, Any]:
    if found := _SERVICE.fullmatch(service):
        return {"service": {"namespace": found[1], "name": found[2], "port": int(found[3])}}
    return {"url": origin}


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out, for anchors are hard to review."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True
