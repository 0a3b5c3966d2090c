# SPDX-License-Identifier: Apache-2.0
"""The order of the checks and what each refusal says, as a table."""

from typing import Any

import orjson
import pytest

from genapps.api.ledger import ViolationRule
from genapps.gateway.catalogue import Catalogue, Offer
from genapps.gateway.decision import APP_CHECKS, Admit, Question, Refusal, Violation, admit, decide
from genapps.gateway.messages import Heartbeat, Message, ToolCall, parse
from genapps.gateway.problems import MEANINGS, Code, Problem, RefusalClass
from tests.unit.gateway.connectors import LATEST, manifest
from tests.unit.gateway.world import NOON, app

SUSPENSION = {"id": "0" * 32, "reason": "RepeatedViolations", "at": NOON.isoformat()}
BROKEN = b"{"


def call(connector: str) -> bytes:
    return orjson.dumps({"requestId": "r", "step": 0, "connector": connector, "tool": "t", "arguments": {}})


VIOLATION = (Code.CONNECTOR_NOT_IN_ENVELOPE, RefusalClass.VIOLATION, None)
SUSPENDED = (Code.SUSPENDED, RefusalClass.LIMIT, None)
DEFECT = (Code.REQUEST_INVALID, RefusalClass.DEFECT, None)
UNAVAILABLE = (Code.CONNECTOR_UNAVAILABLE, RefusalClass.LIMIT, 60)

HEALTHY: dict[str, Any] = {}
HELD = {"suspension": SUSPENSION}
NO_CONNECTORS = {"envelope": {"digest": "sha256:" + "b" * 64}}

TABLE: list[tuple[str, dict[str, Any], bool, bytes, tuple[Code, RefusalClass, int | None]]] = [
    ("a suspended app is refused", HELD, False, call("mail"), SUSPENDED),
    ("a suspended app's violation is no violation", HELD, False, call("payroll"), SUSPENDED),
    ("a suspended app's nonsense is not even looked at", HELD, False, BROKEN, SUSPENDED),
    ("an app at its threshold is refused before it is suspended", HEALTHY, True, call("mail"), SUSPENDED),
    ("a malformed request of a healthy app is a defect", HEALTHY, False, BROKEN, DEFECT),
    ("a connector outside the envelope is a violation", HEALTHY, False, call("payroll"), VIOLATION),
    ("a name that differs in case is another connector", HEALTHY, False, call("Mail"), VIOLATION),
    ("a name that cannot exist is outside the envelope", HEALTHY, False, call("mail\n\u202e"), VIOLATION),
    ("an app without connectors may call none", NO_CONNECTORS, False, call("mail"), VIOLATION),
    ("a granted connector that is not installed is a limit", HEALTHY, False, call("mail"), UNAVAILABLE),
]


@pytest.mark.parametrize(
    ("record", "at_threshold", "body", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_decision(
    record: dict[str, Any], at_threshold: bool, body: bytes, expected: tuple[Code, RefusalClass, int | None]
) -> None:
    refusal = admit(Question(app(**record), at_threshold, parse(ToolCall, body)))
    assert isinstance(refusal, Refusal)
    assert (refusal.problem.code, refusal.problem.refusal_class, refusal.problem.retry_after) == expected
    assert (refusal.violation is not None) == (expected == VIOLATION)


def test_a_violation_names_the_rule_and_shows_the_connector_as_plain_text() -> None:
    refusal = admit(Question(app(), False, parse(ToolCall, call("pay\x1b[2J\nroll"))))
    assert isinstance(refusal, Refusal)
    assert refusal.violation == Violation(ViolationRule.CONNECTOR_NOT_IN_ENVELOPE, "pay\\u{1b}[2J roll")
    assert "\x1b" not in refusal.problem.detail
    assert "allowed: fx-rates, mail" in refusal.problem.detail


def offered(**spec: Any) -> Offer:
    catalogue = Catalogue()
    catalogue.changed(manifest("mail", **spec))
    offer = catalogue.find("mail")
    assert offer is not None
    return offer


WITHDRAWN = {"namespaces": ["sales"]}
BROKEN_CONTRACT: dict[str, Any] = {"tools": [{**LATEST, "input": {"$ref": "https://elsewhere.example/schema"}}]}
RISKY = {"minimumRiskClass": "high"}
ORDER: list[tuple[str, dict[str, Any], dict[str, Any], Code | None]] = [
    ("all is well", {}, {}, None),
    ("the envelope comes before everything about the connector", WITHDRAWN, {"connector": "payroll"},
     Code.CONNECTOR_NOT_IN_ENVELOPE),
    ("the grant comes before the contract", WITHDRAWN | BROKEN_CONTRACT, {"tool": "drop"}, Code.CONNECTOR_NOT_GRANTED),
    ("a refused contract comes before the tool", BROKEN_CONTRACT, {"tool": "drop"}, Code.CONNECTOR_UNAVAILABLE),
    ("the tool comes before the arguments", RISKY, {"tool": "drop", "arguments": {"x": 1}}, Code.TOOL_NOT_IN_CONTRACT),
    ("the arguments come before the risk", RISKY, {"arguments": {"currency": "euro"}}, Code.ARGUMENTS_INVALID),
    ("the risk comes last", RISKY, {}, Code.RISK_TOO_LOW),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "asked", "code"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_the_order_of_what_is_asked_of_a_call(spec: dict[str, Any], asked: dict[str, Any], code: Code | None) -> None:
    content = {"requestId": "r", "step": 0, "connector": "mail", "tool": "latest", "arguments": {"currency": "EUR"}}
    decided = admit(Question(app(), False, parse(ToolCall, orjson.dumps(content | asked)), offered(**spec)))
    assert (None if isinstance(decided, Admit) else decided.problem.code) is code


def test_standing_alone_does_not_depend_on_the_message() -> None:
    message: Message = Heartbeat()
    assert decide(Question(app(), False, message), APP_CHECKS) is None
    assert decide(Question(app(suspension=SUSPENSION), False, message), APP_CHECKS) is not None


def test_every_code_has_one_meaning_and_a_problem_leaves_out_what_it_does_not_know() -> None:
    assert set(MEANINGS) == set(Code)
    body = orjson.loads(Problem(Code.SUSPENDED, "why").body(None))
    assert "retryAfter" not in body
    assert "requestId" not in body
    assert body["type"] == "urn:genapps:problem:Suspended"
