# SPDX-License-Identifier: Apache-2.0
"""Bad AppBudgets, Connectors and internal objects are refused by a real API server."""

import pytest

from tests.support.admission import API, BUDGET, CONNECTOR, DIGEST, REMOVED, Json, Refusal, changed, refusal
from tools.kubectl import Kubectl

TIER = "spec.tiers.small"
PEERS = "spec.policy.ingressFrom"
URL = "spec.endpoint.url"
MODEL = {"spec.type": "Model", "spec.tools": []}

BUDGETS = [
    Refusal("no business unit", {"spec.businessUnit": REMOVED}, "spec.businessUnit", "Required value"),
    Refusal("no namespaces", {"spec.namespaces": REMOVED}, "spec.namespaces", "Required value"),
    Refusal("a namespace twice", {"spec.namespaces": ["a", "a"]}, "spec.namespaces[1]", "Duplicate value"),
    Refusal("a wildcard", {"spec.namespaces": ["*"]}, "spec.namespaces[0]", "lower-case letters"),
    Refusal(
        "the run namespace", {"spec.namespaces": ["genapps-run"]}, "spec.namespaces", "must not hold spec.runNamespace"
    ),
    Refusal("the system namespace", {"spec.namespaces": ["genapps-system"]}, "spec.namespaces", "system namespace"),
    Refusal("kube-system", {"spec.namespaces": ["kube-system"]}, "spec.namespaces", "name a namespace of the unit"),
    Refusal("pods in kube-system", {"spec.runNamespace": "kube-system"}, "spec.runNamespace", "chart's runNamespaces"),
    Refusal("no tiers", {"spec.tiers": {}}, "spec.tiers", "at least 1 properties"),
    Refusal("a tier in capitals", {"spec.tiers": {"Big": {}}}, "spec.tiers", "such as small"),
    Refusal("memory in words", {f"{TIER}.guestMemory": "64 megs"}, "guestMemory", "such as 64Mi"),
    Refusal("memory without end", {f"{TIER}.guestMemory": "1e309"}, "guestMemory", "between 32Mi and 3Gi"),
    Refusal("negative memory", {f"{TIER}.guestMemory": "-64Mi"}, "guestMemory", "between 32Mi and 3Gi"),
    Refusal("memory one byte too small", {f"{TIER}.guestMemory": 33_554_431}, "guestMemory", "between 32Mi and 3Gi"),
    Refusal("memory for a chip", {f"{TIER}.guestMemory": "64Ki"}, "guestMemory", "between 32Mi and 3Gi"),
    Refusal("memory for a data centre", {f"{TIER}.guestMemory": "8Gi"}, "guestMemory", "between 32Mi and 3Gi"),
    Refusal("no instances", {f"{TIER}.instances": 0}, "instances", "greater than or equal to 1"),
    Refusal("an instance too many", {f"{TIER}.instances": 9}, "instances", "less than or equal to 8"),
    Refusal("half a core as a float", {f"{TIER}.cpu": 0.5}, "cpu", "must be of type integer,string"),
    Refusal("no CPU", {f"{TIER}.cpu": 0}, "cpu", "between 50m and 16"),
    Refusal("a core too many", {f"{TIER}.cpu": 17}, "cpu", "between 50m and 16"),
    Refusal("a hundred cores", {f"{TIER}.cpu": "100"}, "cpu", "between 50m and 16"),
    Refusal("negative calls", {f"{TIER}.toolCallsPerAction": -1}, "toolCallsPerAction", "greater than or equal to 0"),
    Refusal("no concurrency", {f"{TIER}.concurrency": 0}, "concurrency", "greater than or equal to 1"),
    Refusal("a nap after a day and a second", {f"{TIER}.napAfter": "24h1s"}, "napAfter", "between 0s and 24h"),
    Refusal("a nap as a number", {f"{TIER}.napAfter": 60}, "napAfter", "must be of type string"),
    Refusal("a tiny claim", {f"{TIER}.state.claim": "1Mi"}, "state.claim", "between 16Mi and 64Gi"),
    Refusal("money as a number", {f"{TIER}.costUSDPerPeriod": 20}, "costUSDPerPeriod", "must be of type string"),
    Refusal("money with a suffix", {"spec.limits.costUSD": "1k"}, "spec.limits.costUSD", "decimal string"),
    Refusal("endless money", {"spec.limits.costUSD": "1e309"}, "spec.limits.costUSD", "decimal string"),
    Refusal("negative money", {"spec.prices.perCpuHour": "-1"}, "spec.prices.perCpuHour", "decimal string"),
    Refusal("money that is no number", {"spec.limits.costUSD": "NaN"}, "spec.limits.costUSD", "decimal string"),
    Refusal(
        "a part of a micro-dollar", {"spec.prices.perMillionCachedInputTokens": "0.0000001"}, "Cached", "decimal string"
    ),
    Refusal("more money than is counted", {"spec.limits.costUSD": "1000000000"}, "spec.limits.costUSD", "decimal"),
    Refusal("a part of a token", {"spec.limits.tokens": 0.5}, "spec.limits.tokens", "must be of type integer"),
    Refusal(
        "negative hours", {"spec.limits.stateGiBHours": -1}, "spec.limits.stateGiBHours", "greater than or equal to 0"
    ),
    Refusal(
        "hours beyond counting",
        {"spec.limits.stateGiBHours": 2**53},
        "spec.limits.stateGiBHours",
        "less than or equal to",
    ),
    Refusal("a unit that is none", {"spec.limits.token": 5}, "spec.limits.token", "unknown field"),
    Refusal("negative tokens", {"spec.limits.tokens": -5}, "spec.limits.tokens", "greater than or equal to 0"),
    Refusal("a week", {"spec.period.every": "Week"}, "spec.period.every", '"Month"'),
    Refusal("a zone of one's own", {"spec.period.timeZone": "UTC+1:00"}, "spec.period.timeZone", "Europe/Zurich"),
    Refusal("an alert at 120 %", {"spec.alerts": [120]}, "spec.alerts[0]", "less than or equal to 100"),
    Refusal("an invented reaction", {"spec.onLimit": "Panic"}, "spec.onLimit", '"Fallback", "Suspend"'),
    Refusal("an invented mode", {"spec.mode": "Off"}, "spec.mode", '"Enforce", "Shadow"'),
    Refusal("a threshold of nothing", {"spec.policy.violations.threshold": 0}, "violations.threshold", "equal to 1"),
    Refusal("a window of a week", {"spec.policy.violations.window": "7d"}, "violations.window", "10s and 24h"),
    Refusal("a window of a day and a second", {"spec.policy.violations.window": "1d1s"}, "window", "10s and 24h"),
    Refusal("a window of hours and days", {"spec.policy.violations.window": "1h1d"}, "window", "such as 15m"),
    Refusal("an invented language", {"spec.policy.languages": ["cobol"]}, "spec.policy.languages[0]", '"javascript"'),
    Refusal(
        "a registry by URL", {"spec.policy.imageRegistries": ["https://r.io"]}, "imageRegistries[0]", "without a scheme"
    ),
    Refusal("an empty peer", {PEERS: [{}]}, f"{PEERS}[0]", "an empty peer would admit everybody"),
    Refusal("a mixed peer", {PEERS: [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}, PEERS, "either ipBlock"),
    Refusal("a range that is none", {PEERS: [{"ipBlock": {"cidr": "10.0.0.0/99"}}]}, "cidr", "such as 192.0.2.0/24"),
    Refusal(
        "an exception outside",
        {PEERS: [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.168.0.0/16"]}}]},
        "ipBlock",
        "give ranges inside cidr",
    ),
    Refusal(
        "an exception of everything",
        {PEERS: [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]},
        "ipBlock",
        "smaller than it",
    ),
    Refusal(
        "an address for a range",
        {PEERS: [{"ipBlock": {"cidr": "10.0.0.1/8"}}]},
        "cidr",
        "without an address inside it",
    ),
    Refusal(
        "an exception of an address",
        {PEERS: [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.1/16"]}}]},
        "except[0]",
        "without an address inside it",
    ),
]
CONNECTORS = [
    Refusal("an invented type", {"spec.type": "SQL"}, "spec.type", '"HTTP", "Model", "MCP"'),
    Refusal("no endpoint", {"spec.endpoint": {}}, "spec.endpoint", "give either url or service"),
    Refusal("an endpoint without TLS", {URL: "http://rates.example.com"}, URL, "write https://"),
    Refusal("an address", {URL: "https://10.0.0.1/"}, URL, "a public host name"),
    Refusal("an address as one number", {URL: "https://2130706433"}, URL, "a public host name"),
    Refusal("an address in hex", {URL: "https://0x7f.0.0.0x1"}, URL, "a public host name"),
    Refusal("an address of version 6", {URL: "https://[::1]/"}, URL, "a public host name"),
    Refusal("a trailing dot", {URL: "https://rates.example.com./"}, URL, "a public host name"),
    Refusal("a user in the address", {URL: "https://me@rates.example.com"}, URL, "no user"),
    Refusal("a wildcard", {URL: "https://*.example.com"}, URL, "a public host name"),
    Refusal("look-alike letters", {URL: "https://exаmple.com"}, URL, "a public host name"),
    Refusal("localhost", {URL: "https://localhost"}, URL, "a public host name"),
    Refusal("a Service by name", {URL: "https://db.finance.svc"}, URL, "use spec.endpoint.service"),
    Refusal("the cluster's domain", {URL: "https://a.b.svc.cluster.local:8443/x"}, URL, "use spec.endpoint.service"),
    Refusal("a metadata service", {URL: "https://metadata.google.internal/"}, URL, "use spec.endpoint.service"),
    Refusal("a tool without path", {"spec.tools.0.path": REMOVED}, "spec.tools", "needs method and path"),
    Refusal("a path without a slash", {"spec.tools.0.path": "v1"}, "spec.tools[0].path", "begin with /"),
    Refusal("an invented effect", {"spec.tools.0.effect": "Maybe"}, "spec.tools[0].effect", '"Read", "Write"'),
    Refusal("an invented idempotency", {"spec.tools.0.idempotency": "Sure"}, "spec.tools[0].idempotency", "None|Key"),
    Refusal("an idempotency by query", {"spec.tools.0.idempotency": {"query": "k"}}, "idempotency.header", "Required"),
    Refusal("a timeout of an hour", {"spec.tools.0.timeout": "1h"}, "spec.tools[0].timeout", "between 1s and 600s"),
    Refusal(
        "a tool twice",
        {"spec.tools": [*CONNECTOR["spec"]["tools"], *CONNECTOR["spec"]["tools"]]},
        "spec.tools[1]",
        "Duplicate value",
    ),
    Refusal("a model connector without models", MODEL, "spec.models", "name the models"),
    Refusal("models of an HTTP connector", {"spec.models": ["m"]}, "spec.models", "none otherwise"),
    Refusal(
        "a credential without a place",
        {"spec.credential": {"secretName": "s", "key": "k"}},
        "spec.credential",
        "give either as or oauth",
    ),
    Refusal(
        "a credential in two places",
        {"spec.credential": {"secretName": "s", "key": "k", "as": {"header": "X-Key", "query": "key"}}},
        "spec.credential.as",
        "give one of header, query and basic",
    ),
    Refusal(
        "a prefix of a parameter",
        {"spec.credential": {"secretName": "s", "key": "k", "as": {"query": "key", "prefix": "Bearer "}}},
        "spec.credential.as.prefix",
        "stands before a header's value only",
    ),
]
RECORD: Json = {
    "apiVersion": API,
    "kind": "AppRecord",
    "metadata": {"name": "helper", "namespace": "default"},
    "record": {
        "app": {"namespace": "finance", "name": "helper", "uid": "u"},
        "namespaceUid": "n",
        "owner": {"team": "tools"},
        "budget": "finance",
        "runNamespace": "genapps-run",
        "tier": {"name": "small"},
        "violationPolicy": {},
        "envelope": {"digest": DIGEST},
    },
}
LEDGER: Json = {
    "apiVersion": API,
    "kind": "Ledger",
    "metadata": {"name": "helper", "namespace": "default"},
    "record": {"app": {"namespace": "finance", "name": "helper", "uid": "u"}},
}
ENTRY = {"at": "2026-11-23T12:00:00.000001Z", "rule": "raw_egress", "subject": "x", "requestId": "r"}


@pytest.mark.parametrize("case", BUDGETS, ids=lambda case: case.title)
def test_a_bad_budget_is_refused(bare_kubectl: Kubectl, case: Refusal) -> None:
    message = refusal(bare_kubectl, changed(BUDGET, case.changes))
    assert case.field in message
    assert case.way_out in message


@pytest.mark.parametrize("case", CONNECTORS, ids=lambda case: case.title)
def test_a_bad_connector_is_refused(bare_kubectl: Kubectl, case: Refusal) -> None:
    message = refusal(bare_kubectl, changed(CONNECTOR, case.changes))
    assert case.field in message
    assert case.way_out in message


@pytest.mark.parametrize(
    ("manifest", "changes", "fragment"),
    [
        (RECORD, {"record": REMOVED}, "record: Required value"),
        (RECORD, {"record.envelope.digest": "x"}, "record.envelope.digest"),
        (LEDGER, {"record.violations.window": [ENTRY] * 101}, "at most 100 items"),
        (LEDGER, {"record.violations.window": [ENTRY | {"rule": "bad_manners"}]}, '"connector_not_in_envelope"'),
    ],
    ids=["a record without its content", "an envelope without digest", "a window of 101", "an invented rule"],
)
def test_a_bad_internal_object_is_refused(bare_kubectl: Kubectl, manifest: Json, changes: Json, fragment: str) -> None:
    assert refusal(bare_kubectl, manifest) == ""
    assert fragment in refusal(bare_kubectl, changed(manifest, changes))
