# SPDX-License-Identifier: Apache-2.0
"""The CEL rules of the CRDs in Python, by their expressions.

A CEL interpreter would need Kubernetes' own functions (`quantity`, `cidr`, `format`) as well, and the image another
dependency. A test holds that no rule of a CRD is missing here. Rules on durations and quantities are checked by the
models; rules on updates (`oldSelf`) have nothing to compare with.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from genapps.api.cors import ANY, HAS_ANY
from genapps.api.names import SYSTEM_NAMESPACE
from genapps.api.tenancy import RESERVED_HEADERS

Predicate = Callable[[Any], bool]

_MATCHES = re.compile(r"(!?)self\.matches\('(.*)'\)")
_LABEL_PART = re.compile("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def holds(expression: str, value: Any) -> bool:
    """Whether a rule holds for a value that fits its schema; true where another place checks the rule."""
    matches = _MATCHES.fullmatch(expression)
    if matches:
        return (re.search(_python(matches[2]), value) is None) == bool(matches[1])
    predicate = PREDICATES.get(expression)
    return predicate is None or predicate(value)


def matches_pattern(pattern: str, text: str) -> bool:
    """Whether the text matches as RE2 has it: `$` is the end of the text only."""
    return re.search(_python(pattern), text) is not None


def _python(pattern: str) -> str:
    return f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern


def _qualified_name(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    if slash and not (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= 63 and _LABEL_PART.fullmatch(name) is not None


def _label_value(text: str) -> bool:
    return not text or (len(text) <= 63 and _LABEL_PART.fullmatch(text) is not None)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    address, _, length = text.partition("/")
    if not re.fullmatch("0|[1-9][0-9]{0,2}", length) or "%" in address:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None
    return None if mapped else network


def _is_range(text: str) -> bool:
    network = _network(text)
    return network is not None and ipaddress.ip_address(text.partition("/")[0]) == network.network_address


def _exceptions_inside(block: Mapping[str, Any]) -> bool:
    whole = _network(block["cidr"])
    parts = [_network(text) for text in block.get("except", ())]
    if whole is None:
        return True
    return all(
        part is None or (part.version == whole.version and part != whole and part.subnet_of(whole))  # type: ignore[arg-type]
        for part in parts
    )


def _system(namespace: str) -> bool:
    return namespace == SYSTEM_NAMESPACE or namespace.startswith("kube-")


PREDICATES: Mapping[str, Predicate] = {
    # AppHold
    "has(self.all) || has(self.owner) || has(self.riskClass) || has(self.family) || has(self.connector)"
    " || has(self.codeDigest) || has(self.namespaces)": bool,
    "!has(self.all) || (self.all && !(has(self.owner) || has(self.riskClass) || has(self.family)"
    " || has(self.connector) || has(self.codeDigest) || has(self.namespaces)))": lambda it: (
        "all" not in it or it == {"all": True}
    ),
    "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')": lambda object_: (
        _LABEL.fullmatch(object_["metadata"]["name"]) is not None
    ),
    # GeneratedApp
    "self.stage == 'Development' || has(self.code.digest)": lambda spec: (
        spec["stage"] == "Development" or "digest" in spec["code"]
    ),
    "self.envelope.riskClass != 'high' || !has(self.tenancy) || has(self.tenancy.jwt)": lambda spec: (
        spec["envelope"]["riskClass"] != "high" or "tenancy" not in spec or "jwt" in spec["tenancy"]
    ),
    "has(self.jwt) != has(self.header)": lambda tenancy: ("jwt" in tenancy) != ("header" in tenancy),
    "has(self.header) == (has(self.trustedCallers) && size(self.trustedCallers) > 0)": lambda tenancy: (
        ("header" in tenancy) == bool(tenancy.get("trustedCallers"))
    ),
    f"!has(self.header) || !(self.header.lowerAscii() in {list(RESERVED_HEADERS)})": lambda tenancy: (
        tenancy.get("header", "").lower() not in RESERVED_HEADERS
    ),
    f"!({HAS_ANY}) || size(self.allowedOrigins) == 1": lambda cors: (
        ANY not in cors.get("allowedOrigins", ()) or len(cors["allowedOrigins"]) == 1
    ),
    f"!({HAS_ANY}) || !has(self.allowCredentials) || !self.allowCredentials": lambda cors: (
        ANY not in cors.get("allowedOrigins", ()) or not cors.get("allowCredentials", False)
    ),
    "[has(self.inline), has(self.configMap), has(self.image)].filter(given, given).size() == 1": lambda source: (
        sum(name in source for name in ("inline", "configMap", "image")) == 1
    ),
    "!has(self.items) || self.items.exists(i, i.path == self.entry)": lambda source: (
        "items" not in source or any(item["path"] == source["entry"] for item in source["items"])
    ),
    "self.language != 'component' || !has(self.source.inline)": lambda code: (
        code["language"] != "component" or "inline" not in code["source"]
    ),
    "!has(self.digest) || !has(self.source.image) || self.source.image.reference.endsWith('@' + self.digest)": (
        lambda code: (
            "digest" not in code
            or "image" not in code["source"]
            or code["source"]["image"]["reference"].endswith(f"@{code['digest']}")
        )
    ),
    "has(self.static) || (has(self.lastGood) && self.lastGood) || (has(self.export) && self.export)": lambda fallback: (
        "static" in fallback or bool(fallback.get("lastGood")) or bool(fallback.get("export"))
    ),
    # Selectors and peers
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)": lambda requirement: (
        (requirement["operator"] in {"In", "NotIn"}) == bool(requirement.get("values"))
    ),
    "!format.qualifiedName().validate(self).hasValue()": _qualified_name,
    "!format.labelValue().validate(self).hasValue()": _label_value,
    "self.all(k, !format.qualifiedName().validate(k).hasValue())": lambda labels: all(map(_qualified_name, labels)),
    "isCIDR(self) && cidr(self) == cidr(self).masked()": _is_range,
    "!has(self.except) || !isCIDR(self.cidr) || self.except.all(e, !isCIDR(e) ||"
    " cidr(self.cidr).containsCIDR(e) && cidr(self.cidr).prefixLength() < cidr(e).prefixLength())": _exceptions_inside,
    "has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))": lambda peer: (
        ("ipBlock" in peer) != ("podSelector" in peer or "namespaceSelector" in peer)
    ),
    # AppBudget
    "!(self.runNamespace in self.namespaces)": lambda spec: spec["runNamespace"] not in spec["namespaces"],
    f"!self.namespaces.exists(n, n == '{SYSTEM_NAMESPACE}' || n.startsWith('kube-'))": lambda spec: (
        not any(map(_system, spec["namespaces"]))
    ),
    f"self.runNamespace != '{SYSTEM_NAMESPACE}' && !self.runNamespace.startsWith('kube-')": lambda spec: (
        not _system(spec["runNamespace"])
    ),
    "self.all(name, name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'))": lambda tiers: all(
        _LABEL.fullmatch(name) for name in tiers
    ),
    # Connector
    "[has(self.header), has(self.query), has(self.basic)].filter(x, x).size() == 1": lambda use: (
        sum(place in use for place in ("header", "query", "basic")) == 1
    ),
    "!has(self.prefix) || has(self.header)": lambda use: "prefix" not in use or "header" in use,
    "has(self.as) != has(self.oauth)": lambda credential: ("as" in credential) != ("oauth" in credential),
    "[has(self.app), has(self.connector), has(self.budget)].filter(of, of).size() == 1": lambda record: (
        sum(of in record for of in ("app", "connector", "budget")) == 1
    ),
    "has(self.url) != has(self.service)": lambda endpoint: ("url" in endpoint) != ("service" in endpoint),
    "self.type != 'HTTP' || !has(self.tools) || self.tools.all(t, has(t.method) && has(t.path))": lambda spec: (
        spec["type"] != "HTTP" or all("method" in tool and "path" in tool for tool in spec.get("tools", ()))
    ),
    "(self.type == 'Model') == (has(self.models) && size(self.models) > 0)": lambda spec: (
        (spec["type"] == "Model") == bool(spec.get("models"))
    ),
}
