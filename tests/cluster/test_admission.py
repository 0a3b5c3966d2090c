# SPDX-License-Identifier: Apache-2.0
"""Bad GeneratedApps are refused by a real API server, with a message that names the field and the way out."""

import pytest

from tests.support.admission import APP, DIGEST, REMOVED, Refusal, changed, refusal
from tools.kubectl import Kubectl

CODE = "spec.code.source"
SELECTOR = "spec.ingress.from"
CORS = "spec.ingress.cors"
JWT = {"issuer": "https://login.example.com", "audience": "apps", "claim": "org"}
STATIC = {"status": 200, "contentType": "text/plain", "body": "Back soon."}
BOTH_FALLBACKS = "give static, lastGood: true or export: true"


def _mapped(*paths: str) -> dict[str, object]:
    """A change to a source with these paths, each of a key of its own."""
    items = [{"key": f"k{number}", "path": path} for number, path in enumerate(paths)]
    return {CODE: {"configMap": {"name": "x", "entry": "app.py", "items": items}}}


CASES = [
    Refusal("no spec", {"spec": REMOVED}, "spec", "Required value"),
    Refusal("a name of 64 characters", {"metadata.name": "x" * 64}, "metadata.name", "at most 63"),
    Refusal("a name with a dot", {"metadata.name": "my.app"}, "metadata.name", "letters, digits and '-'"),
    Refusal("a misspelt field", {"spec.replicas": 3}, "spec.replicas", "unknown field"),
    Refusal("no envelope", {"spec.envelope": REMOVED}, "spec.envelope", "Required value"),
    Refusal("an unknown field in the envelope", {"spec.envelope.risk": "low"}, "spec.envelope.risk", "unknown field"),
    Refusal("no owner", {"spec.envelope.owner": REMOVED}, "spec.envelope.owner", "Required value"),
    Refusal("an owner without a team", {"spec.envelope.owner": {}}, "spec.envelope.owner.team", "Required value"),
    Refusal("an empty team", {"spec.envelope.owner.team": ""}, "spec.envelope.owner.team", "at least 1 char"),
    Refusal("a team of two words", {"spec.envelope.owner.team": "my team"}, "owner.team", "write letters, digits"),
    Refusal("no risk class", {"spec.envelope.riskClass": REMOVED}, "spec.envelope.riskClass", "Required value"),
    Refusal("an invented risk class", {"spec.envelope.riskClass": "none"}, "riskClass", '"low", "medium", "high"'),
    Refusal("a connector in capitals", {"spec.envelope.connectors": ["FX"]}, "connectors[0]", "lower-case letters"),
    Refusal("a connector twice", {"spec.envelope.connectors": ["fx", "fx"]}, "connectors[1]", "Duplicate value"),
    Refusal(
        "33 connectors",
        {"spec.envelope.connectors": [f"c{n}" for n in range(33)]},
        "spec.envelope.connectors",
        "at most 32 items",
    ),
    Refusal("a retention in weeks", {"spec.envelope.retention.state": "4w"}, "retention.state", "such as 15m"),
    Refusal("a claim kept for minutes", {"spec.envelope.retention.afterDelete": "10m"}, "afterDelete", "between 1h"),
    Refusal("a claim kept for two years", {"spec.envelope.retention.afterDelete": "17520h"}, "afterDelete", "8760h"),
    Refusal("logs kept for a minute", {"spec.envelope.retention.logs": "1m"}, "retention.logs", "between 1h and 8760h"),
    Refusal("a short prompt digest", {"spec.envelope.provenance.promptDigest": "ab"}, "promptDigest", "write sha256:"),
    Refusal("no code", {"spec.code": REMOVED}, "spec.code", "Required value"),
    Refusal("no source", {"spec.code.source": REMOVED}, CODE, "Required value"),
    Refusal("an empty source", {"spec.code.source": {}}, CODE, "exactly one of inline, configMap and image"),
    Refusal("two sources", {f"{CODE}.configMap": {"name": "x", "entry": "app.py"}}, CODE, "exactly one of inline"),
    Refusal("an unknown language", {"spec.code.language": "ruby"}, "spec.code.language", '"python", "javascript"'),
    Refusal("empty source text", {f"{CODE}.inline": ""}, f"{CODE}.inline", "at least 1 char"),
    Refusal("source text above 64 KiB", {f"{CODE}.inline": "#" * 65_537}, f"{CODE}.inline", "65536"),
    Refusal("a number as source text", {f"{CODE}.inline": 1}, f"{CODE}.inline", "must be of type string"),
    Refusal("a ConfigMap without entry", {CODE: {"configMap": {"name": "x"}}}, f"{CODE}.configMap.entry", "Required"),
    Refusal(
        "an entry in a folder",
        {CODE: {"configMap": {"name": "x", "entry": "lib/app.py"}}},
        f"{CODE}.configMap.entry",
        "write a key of a ConfigMap",
    ),
    Refusal("a path upwards", _mapped("../app.py"), f"{CODE}.configMap.items[0].path", "write a relative path"),
    Refusal("a path from the root", _mapped("/app.py"), f"{CODE}.configMap.items[0].path", "write a relative path"),
    Refusal("a path of the kubelet's", _mapped("a/..data/b"), f"{CODE}.configMap.items[0].path", "beginning with '..'"),
    Refusal("a path of nine parts", _mapped("1/2/3/4/5/6/7/8/9"), f"{CODE}.configMap.items[0].path", "at most 8 parts"),
    Refusal("a path twice", _mapped("app.py", "app.py"), f"{CODE}.configMap.items[1]", "Duplicate value"),
    Refusal("an entry that is not among the items", _mapped("main.py"), f"{CODE}.configMap", "must be a path of"),
    Refusal("513 items", _mapped(*(f"{n}.py" for n in range(513))), f"{CODE}.configMap.items", "at most 512 items"),
    Refusal("no items", _mapped(), f"{CODE}.configMap.items", "at least 1 item"),
    Refusal(
        "an image by tag",
        {CODE: {"image": {"reference": "registry.example.com/app:v1"}}},
        f"{CODE}.image.reference",
        "name the image by digest",
    ),
    Refusal("a component as text", {"spec.code.language": "component"}, f"{CODE}.inline", "use configMap or image"),
    Refusal("a digest without algorithm", {"spec.code.digest": "0" * 64}, "spec.code.digest", "genapps digest PATH"),
    Refusal(
        "a digest that is not the image's",
        {"spec.code.digest": DIGEST, CODE: {"image": {"reference": "r.example.com/app@sha256:" + "0" * 64}}},
        "spec.code.digest",
        "correct one of them",
    ),
    Refusal("promotion without a digest", {"spec.stage": "Internal"}, "spec.code.digest", "required above stage"),
    Refusal("an invented stage", {"spec.stage": "Production"}, "spec.stage", '"Development", "Internal", "Broad"'),
    Refusal("an invented mode", {"spec.operatingMode": "Stopped"}, "spec.operatingMode", '"Running", "Suspended"'),
    Refusal("an invented class", {"spec.workloadClass": "huge"}, "spec.workloadClass", '"batch"'),
    Refusal("yes as acknowledgement", {"spec.acknowledgedSuspension": "yes"}, "acknowledgedSuspension", "copy the id"),
    Refusal("no tier", {"spec.tier": REMOVED}, "spec.tier", "Required value"),
    Refusal("a number as tier", {"spec.tier": 5}, "spec.tier", "must be of type string"),
    Refusal("a tier in capitals", {"spec.tier": "Small"}, "spec.tier", "lower-case letters"),
    Refusal("no budget", {"spec.budget": REMOVED}, "spec.budget", "Required value"),
    Refusal("a budget of another namespace", {"spec.budget": "finance/other"}, "spec.budget", "lower-case letters"),
    Refusal("a tenancy without a way", {"spec.tenancy": {}}, "spec.tenancy", "either jwt, or header"),
    Refusal("tenancy by both", {"spec.tenancy": {"jwt": JWT, "header": "X-T"}}, "spec.tenancy", "either jwt"),
    Refusal("a header that anybody may set", {"spec.tenancy": {"header": "X-T"}}, "trustedCallers", "ServiceAccounts"),
    Refusal(
        "a header for a high risk",
        {"spec.envelope.riskClass": "high", "spec.tenancy": {"header": "X-T", "trustedCallers": ["web"]}},
        "spec.tenancy.header",
        "use spec.tenancy.jwt",
    ),
    Refusal("an issuer without TLS", {"spec.tenancy.jwt": JWT | {"issuer": "http://x.org"}}, "jwt.issuer", "https://"),
    Refusal("no callers", {"spec.ingress": {"from": []}}, "ingress.from", "at least 1"),
    Refusal(
        "a schedule each second",
        {"spec.schedules": [{"name": "tick", "cron": "* * * * * *", "path": "/tick"}]},
        "schedules",
        "write five fields",
    ),
    Refusal(
        "a schedule in a zone with an offset",
        {"spec.schedules": [{"name": "tick", "cron": "0 6 * * *", "timeZone": "+02:00", "path": "/tick"}]},
        "schedules",
        "name of a time zone",
    ),
    Refusal(
        "a schedule for another host",
        {"spec.schedules": [{"name": "tick", "cron": "0 6 * * *", "path": "http://x.org/"}]},
        "schedules",
        "write a path of the app",
    ),
    Refusal(
        "two schedules of one name",
        {"spec.schedules": [{"name": "tick", "cron": "0 6 * * *", "path": path} for path in ("/a", "/b")]},
        "schedules",
        "Duplicate value",
    ),
    Refusal(
        "one schedule too many",
        {"spec.schedules": [{"name": f"s{n}", "cron": "0 6 * * *", "path": "/a"} for n in range(17)]},
        "schedules",
        "at most 16",
    ),
    Refusal("an origin without a scheme", {CORS: {"allowedOrigins": ["a.example"]}}, CORS, "write an origin"),
    Refusal("an origin with a path", {CORS: {"allowedOrigins": ["https://a.example/"]}}, CORS, "write an origin"),
    Refusal("every origin beside another", {CORS: {"allowedOrigins": ["*", "https://a.b"]}}, CORS, "stands alone"),
    Refusal(
        "cookies from every origin",
        {CORS: {"allowedOrigins": ["*"], "allowCredentials": True}},
        CORS,
        "every page could act as the caller",
    ),
    Refusal("33 origins", {CORS: {"allowedOrigins": [f"https://a{n}.b" for n in range(33)]}}, CORS, "at most 32 items"),
    Refusal("another method", {CORS: {"allowedMethods": ["TRACE"]}}, CORS, "Unsupported value"),
    Refusal("a preflight for two days", {CORS: {"maxAge": "48h"}}, CORS, "between 0s and 24h"),
    Refusal("no tenants", {"spec.tenancy": {"jwt": JWT, "maxTenants": 0}}, "maxTenants", "greater than or equal to 1"),
    Refusal("callers from nowhere", {SELECTOR: []}, SELECTOR, "at least 1 items"),
    Refusal("callers without a selector", {SELECTOR: [{}]}, f"{SELECTOR}[0].podSelector", "Required value"),
    Refusal(
        "callers of another namespace",
        {SELECTOR: [{"podSelector": {}, "namespaceSelector": {}}]},
        f"{SELECTOR}[0].namespaceSelector",
        "unknown field",
    ),
    Refusal(
        "a label that cannot be",
        {SELECTOR: [{"podSelector": {"matchLabels": {"app": "a b"}}}]},
        "matchLabels",
        "write a label value",
    ),
    Refusal(
        "a label key that cannot be",
        {SELECTOR: [{"podSelector": {"matchLabels": {"a b": "x"}}}]},
        "matchLabels",
        "write a label key",
    ),
    Refusal(
        "a requirement without values",
        {SELECTOR: [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "In"}]}}]},
        "matchExpressions[0]",
        "give values with operator In",
    ),
    Refusal("an idle timeout of ten seconds", {"spec.idleTimeout": "10s"}, "spec.idleTimeout", "between 1m and 168h"),
    Refusal("an idle timeout in words", {"spec.idleTimeout": "5 minutes"}, "spec.idleTimeout", "such as 15m"),
    Refusal("a nap after more than a day", {"spec.napAfter": "24h1s"}, "spec.napAfter", "between 0s and 24h"),
    Refusal("a nap after half a second", {"spec.napAfter": "500ms"}, "spec.napAfter", "such as 15m"),
    Refusal("a nap in words", {"spec.napAfter": "never"}, "spec.napAfter", "such as 15m"),
    Refusal("an empty fallback", {"spec.fallback": {}}, "spec.fallback", BOTH_FALLBACKS),
    Refusal("a fallback that is off", {"spec.fallback": {"lastGood": False}}, "spec.fallback", BOTH_FALLBACKS),
    Refusal("a status of 99", {"spec.fallback.static": STATIC | {"status": 99}}, "static.status", "equal to 200"),
    Refusal("no content type", {"spec.fallback.static": STATIC | {"contentType": "text"}}, "contentType", "text/plain"),
    Refusal("a long fallback", {"spec.fallback.static": STATIC | {"body": "x" * 16_385}}, "static.body", "16384"),
    Refusal("an incident without contact", {"spec.incident": {}}, "spec.incident.contact", "Required value"),
    Refusal("a runbook on paper", {"spec.incident": {"contact": "x", "runbook": "shelf 3"}}, "runbook", "https://"),
    Refusal("a rollback to yesterday", {"spec.rollback": {"to": "yesterday"}}, "spec.rollback.to", "previousRevision"),
    Refusal("an objective of 100 %", {"spec.slo.availability": "100"}, "spec.slo.availability", '"99.5"'),
    Refusal("a latency in words", {"spec.slo.latency.p95": "1 second"}, "spec.slo.latency.p95", "such as 800ms"),
    Refusal("a statement nowhere", {"spec.attestation.configMap": {"name": "x"}}, "configMap.key", "Required value"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_bad_app_is_refused(bare_kubectl: Kubectl, case: Refusal) -> None:
    message = refusal(bare_kubectl, changed(APP, case.changes))
    assert case.field in message
    assert case.way_out in message
