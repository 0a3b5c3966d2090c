# SPDX-License-Identifier: Apache-2.0
"""The gateway's side of `docs/contracts/gateway-*.schema.json`: what it accepts, and what it answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.connector import ToolEffect
from genapps.api.ledger import ViolationRule
from genapps.core.reported_breaker import BELIEVED, NOTED_EVERY
from genapps.gateway.messages import (
    MOST_MILLIS_LEFT,
    BreakerState,
    DefectRule,
    Fault,
    Heartbeat,
    ToolCall,
    ViolationReport,
    parse,
)
from genapps.gateway.problems import Code, Problem, RefusalClass
from genapps_runtime.egress import gateway_client, mismatch
from genapps_runtime.serve import defect_reports
from genapps_runtime.serve.fallback.report import CLOSED, CONFIRM_SECONDS, OPEN
from tests.unit.gateway.world import NOON, Installation, Issuer, app_record

CONTRACTS = Path(__file__).resolve().parents[2] / "docs" / "contracts"


def schema(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CONTRACTS / f"gateway-{name}.schema.json").read_text(encoding="utf-8"))
    return content


def no_reference(uri: str) -> Any:
    raise AssertionError(f"a schema refers to {uri}")


def validator(content: dict[str, Any]) -> Callable[[Any], bool]:
    return jsonschema_rs.Draft202012Validator(content, retriever=no_reference).is_valid


CALL, REPORT = validator(schema("call")), validator(schema("violation"))
PROBLEM, HEARTBEAT = validator(schema("problem")), validator(schema("heartbeat"))
BEAT = validator(schema("heartbeat")["$defs"]["request"])

TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "~",
            "r1",
            "0b" * 32,
            "0B" * 32,
            "0" * 63,
            "\x7f",
            "é",
            "r\n",
            "x" * 128,
            "x" * 129,
            "x" * 1024,
            "x" * 1025,
            "raw_egress",
            "Open",
            "Closed",
        ]
    ),
)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 1_000_001), st.sampled_from([1.5, 0, 1_000_000]), TEXTS,
    st.just([]), st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=2),
)  # fmt: skip
GOOD_CALL = {"requestId": "r1", "step": 0, "connector": "mail", "tool": "send", "arguments": {}}
REPEATED_CALL = {**GOOD_CALL, "key": "0a" * 32, "repeated": True}
STREAMED_CALL = {**GOOD_CALL, "stream": True}
HURRIED_CALL = {**GOOD_CALL, "millisLeft": 1500}
GOOD_REPORT = {"requestId": "r1", "rule": "raw_egress", "subject": "10.0.0.1"}


def changed(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Messages near a good one: some members replaced, some missing, some added."""
    replaced = st.dictionaries(st.sampled_from([*good, "extra"]), ANYTHING, max_size=2)
    missing = st.sets(st.sampled_from(list(good)), max_size=1)
    return st.tuples(replaced, missing).map(
        lambda change: {name: value for name, value in (good | change[0]).items() if name not in change[1]}
    )


@given(st.one_of(changed(GOOD_CALL), changed(REPEATED_CALL), changed(STREAMED_CALL), changed(HURRIED_CALL)))
def test_schema_and_gateway_agree_on_every_call(message: dict[str, Any]) -> None:
    assert isinstance(parse(ToolCall, orjson.dumps(message)), ToolCall) == CALL(message)


@given(changed(GOOD_REPORT))
def test_schema_and_gateway_agree_on_every_report(message: dict[str, Any]) -> None:
    assert isinstance(parse(ViolationReport, orjson.dumps(message)), ViolationReport) == REPORT(message)


@given(st.one_of(st.just({}), ANYTHING, changed({"breaker": "Open"})))
def test_schema_and_gateway_agree_on_every_heartbeat(message: Any) -> None:
    assert isinstance(parse(Heartbeat, orjson.dumps(message)), Heartbeat) == BEAT(message)


@pytest.mark.parametrize(("left", "good"), [(-1, 0), (0, 1), (MOST_MILLIS_LEFT, 1), (MOST_MILLIS_LEFT + 1, 0)])
def test_schema_gateway_and_runtime_agree_on_the_most_time_that_an_action_has_left(left: int, good: int) -> None:
    message = {**GOOD_CALL, "millisLeft": left}
    assert CALL(message) == isinstance(parse(ToolCall, orjson.dumps(message)), ToolCall) == bool(good)
    assert gateway_client.MOST_MILLIS_LEFT == MOST_MILLIS_LEFT


def test_good_messages_are_accepted_so_that_agreement_means_something() -> None:
    assert CALL(GOOD_CALL)
    assert CALL(REPEATED_CALL)
    assert not isinstance(parse(ToolCall, orjson.dumps(REPEATED_CALL)), Fault)
    assert REPORT(GOOD_REPORT)
    assert not isinstance(parse(ToolCall, orjson.dumps(GOOD_CALL)), Fault)


def test_the_closed_sets_are_the_same_in_schema_and_code() -> None:
    assert schema("violation")["properties"]["rule"]["enum"] == [*ViolationRule, *DefectRule]
    assert (DefectRule.MALFORMED_OUTPUT, ViolationRule.SNAPSHOT_MISMATCH) == (defect_reports.RULE, mismatch.RULE)
    problem = schema("problem")["properties"]
    assert problem["code"]["enum"] == [code.value for code in Code]
    assert problem["class"]["enum"] == [kind.value for kind in RefusalClass]


def test_the_runtime_says_what_the_gateway_reads_of_the_breaker() -> None:
    assert schema("heartbeat")["$defs"]["request"]["properties"]["breaker"]["enum"] == [OPEN, CLOSED, None]
    assert [state.value for state in BreakerState] == [OPEN, CLOSED]
    said = parse(Heartbeat, orjson.dumps({"breaker": OPEN}))
    assert isinstance(said, Heartbeat)
    assert said.breaker is BreakerState.OPEN
    assert CONFIRM_SECONDS + NOTED_EVERY.total_seconds() + CONFIRM_SECONDS < BELIEVED.total_seconds(), "one may be lost"


def test_a_result_says_what_the_contract_of_the_tool_says_of_its_effect() -> None:
    assert schema("result")["properties"]["effect"]["enum"] == list(get_args(ToolEffect))


@pytest.mark.parametrize("code", list(Code))
def test_every_problem_fits_its_schema(code: Code) -> None:
    for problem, request_id in ((Problem(code, "why"), None), (Problem(code, "why", retry_after=1), "r1")):
        assert PROBLEM(orjson.loads(problem.body(request_id)))


def test_an_answer_without_a_class_is_no_problem_of_ours() -> None:
    body = orjson.loads(Problem(Code.SUSPENDED, "why").body(None))
    del body["class"]
    assert not PROBLEM(body)


async def test_answers_of_the_running_application_fit() -> None:
    gateway = Installation(Issuer())
    assert HEARTBEAT((await gateway.post("/v1/heartbeat", {})).json())
    suspension = {"id": "0" * 32, "reason": "RepeatedViolations", "at": NOON.isoformat()}
    gateway.records.changed(app_record(suspension=suspension))
    assert HEARTBEAT((await gateway.post("/v1/heartbeat", {})).json())
    gateway.records.changed(app_record(tokenKeys={}))
    with_keys = (await gateway.post("/v1/heartbeat", {})).json()
    assert HEARTBEAT(with_keys)
    assert with_keys["tenantKeys"]["keys"]
    gateway.records.changed(app_record())
    replies = [
        await gateway.call("mail"),
        *[await gateway.call("payroll", f"r{number}") for number in range(4)],
        await gateway.post("/v1/calls", b"{"),
        await gateway.post("/v1/calls", {}, token="none"),
        await gateway.post("/v1/elsewhere", {}),
    ]
    seen = {reply.json()["code"] for reply in replies}
    assert seen >= {"ConnectorUnavailable", "ConnectorNotInEnvelope", "Suspended", "RequestInvalid", "TokenInvalid"}
    assert [reply.body for reply in replies if not PROBLEM(reply.json())] == []
    assert [reply.status for reply in replies] == [reply.json()["status"] for reply in replies]
