# SPDX-License-Identifier: Apache-2.0
"""What a Connector may not hold and the API server cannot see. One that has a fault is not in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from genapps.api.connector import Connector, ConnectorSpec, Credential, Tool
from genapps.api.digests import canonical
from genapps.core.contracts.contract import contract_of, key_header
from genapps.core.contracts.hidden_text import hidden_text_faults
from genapps.core.contracts.paths import PathTemplate, TemplateError
from genapps.core.contracts.pointers import ContractFault, pointer
from genapps.core.contracts.schemas import patterns
from genapps.core.contracts.tool_faults import tool_faults
from genapps.core.contracts.values import SCHEMA, Bounds, value_fault

FAULTS = 20
"""Faults that are told of one connector."""
CONTRACT_BYTES = 512 * 1024
"""Of a contract in its canonical form: it is stored in one object."""

CONTRACT_PATTERNS = 128
"""Different patterns of a contract: each is compiled, which takes milliseconds and up to 512 KiB."""

_SPEC = Bounds(depth=80, values=200_000, string=4 * 1024, text=1024 * 1024)


def contract_faults(connector: Connector) -> tuple[ContractFault, ...]:
    """At most 20 faults, with pointers into the manifest; none means that its contract may be in force."""
    return tuple(fault.below("/spec") for fault in islice(_faults(connector.spec), FAULTS))


def _faults(spec: ConnectorSpec) -> Iterator[ContractFault]:
    past = [*_past_bounds(spec)]
    if past:
        yield from past
        return
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    if fault := value_fault(written, _SPEC):
        yield fault
        return
    yield from hidden_text_faults(written)
    yield from _name_faults(spec)
    yield from _url_faults(spec)
    yield from _credential_faults(spec)
    texts = {text for tool in spec.tools for schema in (tool.input, tool.output) for text in patterns(schema)}
    if len(texts) > CONTRACT_PATTERNS:
        yield ContractFault("/tools", f"there are more than {CONTRACT_PATTERNS} different patterns in them")
        return
    found = False
    for number, tool in enumerate(spec.tools):
        for fault in tool_faults(spec.type, tool):
            found = True
            yield fault.below(pointer(("tools", number)))
    if spec.type != "Model" and spec.max_tokens is not None:
        yield ContractFault("/maxTokens", "the field is for connectors of type Model; remove it")
    if (spec.type == "Model") != bool(spec.models):
        yield ContractFault("/models", "name the models of a connector of type Model, and none otherwise")
    if not found and len(canonical(contract_of(spec).document())) > CONTRACT_BYTES:
        yield ContractFault("/tools", f"the contract has more than {CONTRACT_BYTES} bytes in all")


def _past_bounds(spec: ConnectorSpec) -> Iterator[ContractFault]:
    """Schemas past a bound come first: nothing else may follow them as deep as they go."""
    for number, tool in enumerate(spec.tools):
        for side, schema in (("input", tool.input), ("output", tool.output)):
            if schema is not None and (fault := value_fault(schema, SCHEMA)):
                yield fault.below(pointer(("tools", number, side)))


def _name_faults(spec: ConnectorSpec) -> Iterator[ContractFault]:
    """Names that differ by case or by - and _ only: a reader, a model and a generated function take them for one."""
    seen: set[str] = set()
    for number, tool in enumerate(spec.tools):
        name = tool.name.lower().replace("-", "_")
        if name in seen:
            yield ContractFault(
                pointer(("tools", number, "name")), "another tool has this name, or one that looks alike"
            )
        seen.add(name)


def _url_faults(spec: ConnectorSpec) -> Iterator[ContractFault]:
    """What the schema cannot see in a URL: a port that is none, and a path that no request may have."""
    oauth = spec.credential.oauth if spec.credential is not None else None
    urls = (("/endpoint/url", spec.endpoint.url), ("/credential/oauth/tokenURL", oauth.token_url if oauth else None))
    for where, url in urls:
        if url is None:
            continue
        if not _has_usable_port(url):
            yield ContractFault(where, "the port is none; write one from 1 to 65535")
        try:
            PathTemplate.parse(urlsplit(url).path or "/")
        except TemplateError as error:
            yield ContractFault(where, str(error))


def _has_usable_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _credential_faults(spec: ConnectorSpec) -> Iterator[ContractFault]:
    """An argument in the credential's header or parameter would stand in its place, or beside it. A key there would
    not be sent, and a call that is tried again would be executed twice."""
    header, parameter = _credential_places(spec.credential)
    if header == "txn-token":
        yield ContractFault(
            "/credential/as/header", "this is the header of step tokens; send the credential in another"
        )
    for number, tool in enumerate(spec.tools):
        key = key_header(tool) if spec.type == "HTTP" else None
        if key is not None and key.lower() == header:
            yield ContractFault(pointer(("tools", number, "idempotency")), "this is the header of the credential")
        for place, entry in enumerate(tool.headers):
            if entry.header.lower() == header:
                where = pointer(("tools", number, "headers", place, "header"))
                yield ContractFault(where, "this is the header of the credential")
        if parameter is not None and parameter in _arguments(tool):
            where = pointer(("tools", number, "input", "properties", parameter))
            yield ContractFault(where, "this is the parameter of the query that carries the credential")


def _credential_places(credential: Credential | None) -> tuple[str | None, str | None]:
    """The header, in lower case, and the parameter of the query that carry it."""
    if credential is None:
        return None, None
    use = credential.as_
    if use is None or use.basic is not None:
        return "authorization", None
    return use.header.lower() if use.header else None, use.query


def _arguments(tool: Tool) -> frozenset[str]:
    properties = (tool.input or {}).get("properties")
    return frozenset(properties) if isinstance(properties, dict) else frozenset()
