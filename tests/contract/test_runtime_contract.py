# SPDX-License-Identifier: Apache-2.0
"""What runtime and guest say to each other, and what the runtime reads and sends, against docs/contracts."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genapps.api import bundles, digests
from genapps.core import ephemeral_storage
from genapps.core.desired.pod import DEBUG as DEBUG_ASKED
from genapps.core.desired.pod import FRESH as FRESH_ASKED
from genapps_runtime import bundle, logs
from genapps_runtime.config import parse_config
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import start_message
from genapps_runtime.guest.turns import ResponseInvalidError, TurnInvalidError, parse_turn
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.main import DEBUG, FRESH
from genapps_runtime.termination import Reason
from tests.contract.runtime_configs import CONFIG, FALLBACK, HASH, model, refusal, valid
from tests.runtime.fake_gateway import Authority, FakeGateway
from tests.runtime.harness import Pod, runtime_config
from tools import engines

ACTION, TURN, RESULTS = valid("action"), valid("turn"), valid("results")
CALL = valid("gateway-call")

DONE: dict[str, Any] = {
    "response": {"status": 200, "headers": [["x-a", "1"]], "body": {"text": "hello"}},
    "writes": [["key", "1"], ["gone", None]],
}
GOOD_TURNS: list[dict[str, Any]] = [
    {"calls": [{"id": 1, "get": {"key": "k"}}, {"id": 2, "list": {"prefix": "", "limit": 10}}]},
    {"calls": [{"id": 1, "list": {"prefix": "a", "limit": 10, "after": "a1"}}]},
    {"calls": [{"id": 1, "tool": {"connector": "a", "tool": "b", "arguments": {}}}]},
    {"calls": [{"id": 1, "body": {"chunk": 1}}]},
    {"calls": [{"id": 1, "sql": {"text": "SELECT ?", "parameters": [1, None, 1.5, "x", True, {"base64": "AAEC"}]}}]},
    {"calls": [{"id": 1, "sql": {"text": "SELECT :a", "parameters": {"a": 1}}}]},
    {"calls": [{"id": 1, "stream": {"status": 200, "headers": [["a", "b"]], "writes": [["k", "1"], ["l", None]]}}]},
    {"calls": [{"id": 1, "send": {"text": "x"}}, {"id": 2, "send": {"base64": "AAEC"}}]},
    {"end": {"writes": [["k", None]]}},
    {"emit": {"text": "x"}},
    {"emit": {"base64": "AAEC"}},
    {"done": DONE},
    {"failed": {"code": "AppFailed", "detail": "d", "trace": "t"}},
    {"failed": {"code": "MemoryExceeded"}},
    {"failed": {"code": "RequestTooLarge", "detail": "d"}},
]
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 700), st.text(max_size=3), st.just(1.5),
    st.just([]), st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=2),
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _places(inner, (*path, key))
    return found


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """A good turn with one part replaced, removed or added."""
    turn: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(GOOD_TURNS))))
    *parents, last = draw(st.sampled_from(_places(turn)))
    holder: Any = turn
    for key in parents:
        holder = holder[key]
    if draw(st.booleans()):
        holder[last] = draw(ANYTHING)
    else:
        del holder[last]
    return turn


def _accepted(turn: Any) -> bool:
    try:
        parse_turn(orjson.dumps(turn))
    except (TurnInvalidError, ResponseInvalidError):
        return False
    return True


@pytest.mark.parametrize("turn", GOOD_TURNS)
def test_good_turns_are_good_to_both(turn: dict[str, Any]) -> None:
    assert TURN(turn)
    assert _accepted(turn)


@settings(max_examples=500)
@given(changed())
def test_the_runtime_accepts_no_turn_that_the_schema_refuses(turn: dict[str, Any]) -> None:
    assert TURN(turn) or not _accepted(turn)


def test_what_a_real_guest_says_and_hears_follows_the_schemas() -> None:
    source = """
from genapps import BadRequest, app, gather, state, tools
@app.post("/")
async def everything(request):
    size = len(await request.body())
    await gather(tools.call("rates", "latest", currency="EUR"), state.get("a"), state.list("b"))
    await state.put("a", {"size": size}); await state.delete("c")
    return "\\u20ac" * 20_000
@app.get("/bad")
async def bad(request):
    raise BadRequest("no")
"""
    guest = Guest(Language(str(engines.precompiled())), Heartbeat(), 64 * 1024 * 1024)
    guest.load(json.dumps({"entry": "app.py", "files": {"app.py": source}, "logBytes": 1000}), 60)
    request = {"requestId": "r 1", "method": "POST", "path": "/", "query": "", "headers": {"x": "y"}}
    action = {"action": 1, "request": request | {"body": {"text": "x" * 65536}, "bodyChunks": 2}}
    outcomes: dict[str, Any] = {
        "body": {"base64": "AAE="}, "tool": {"rate": 1}, "get": '{"size": 1}', "list": {"b/1": "1"},
    }  # fmt: skip
    assert ACTION(action)
    turn = json.loads(guest.start(orjson.dumps(action), time.monotonic() + 60, _ignore))
    kinds = []
    while "done" not in turn:
        assert TURN(turn), turn
        kinds.append(next(iter(turn)))
        answers = {str(call["id"]): {"ok": outcomes[(set(call) - {"id"}).pop()]} for call in turn.get("calls", [])}
        results = {"action": 1, "results": answers}
        assert RESULTS(results)
        turn = json.loads(guest.resume(orjson.dumps(results), time.monotonic() + 60, _ignore))
    assert TURN(turn)
    assert kinds == ["calls", "calls", "emit"]
    assert turn["done"]["writes"] == [["a", '{"size":65538}'], ["c", None]]
    failing = {"action": 2, "request": request | {"method": "GET", "path": "/bad"}}
    failed = json.loads(guest.start(orjson.dumps(failing), time.monotonic() + 60, _ignore))
    assert TURN(failed)
    assert failed == {"failed": {"code": "BadRequest", "detail": "no"}}
    guest.drop()


def test_a_body_in_pieces_is_announced_and_asked_for_as_the_schemas_say() -> None:
    source = "from genapps import app\n@app.post('/')\nasync def sizes(request):\n"
    source += "    return [len(piece) async for piece in request.stream()]"
    guest = Guest(Language(str(engines.precompiled())), Heartbeat(), 64 * 1024 * 1024)
    guest.load(json.dumps({"entry": "app.py", "files": {"app.py": source}, "logBytes": 1000}), 60)
    action = json.loads(start_message(1, "r", "POST", "/", "", [], b"", in_pieces=True))
    assert ACTION(action)
    assert not ACTION({**action, "request": action["request"] | {"body": {"text": "x"}, "bodyChunks": 1}})
    turn = json.loads(guest.start(orjson.dumps(action), time.monotonic() + 60, _ignore))
    for number, piece in enumerate(({"text": "x"}, {"base64": "AAE="}, None)):
        ((asked,),) = turn.values()
        assert TURN(turn)
        assert asked["body"] == {"chunk": number}
        results = {"action": 1, "results": {str(asked["id"]): {"ok": piece}}}
        assert RESULTS(results)
        text = guest.resume(orjson.dumps(results), time.monotonic() + 60, _ignore)
        turn = json.loads(text) if piece is not None else {}
    assert text.endswith(b"[1, 2]")
    guest.drop()


def _ignore(_record: str) -> None:
    return


async def test_the_runtimes_calls_follow_the_gateways_schema(
    tmp_path: Path,
) -> None:
    gateway = FakeGateway(Authority.make(), tmp_path)
    await gateway.start()
    pod = Pod(tmp_path / "pod", gateway, await asyncio.to_thread(engines.precompiled))
    pod.write(
        "from genapps import app, tools, ToolError\n@app.get('/')\nasync def call(request):\n"
        "    try:\n        await tools.call('payroll', 'list', month=11)\n"
        "    except ToolError as e:\n        return [e.code, e.cls]\n"
    )
    await pod.start()
    answer = await pod.call("GET", "/", headers={"idempotency-key": "k 1"})
    await pod.stop()
    await gateway.stop()
    assert answer.json() == ["ConnectorNotInEnvelope", "violation"]
    assert [CALL(call) for call in gateway.calls] == [True]


def test_the_runtime_reads_what_the_operator_writes() -> None:
    content = model().content()
    assert CONFIG(json.loads(content))
    config = parse_config(content)
    assert (config.app, config.entry, config.action_millis) == ("unit-converter", "app.py", 5000)
    assert (config.limits.guest_memory_bytes, config.limits.log_bytes_per_action) == (2**26, 2**14)
    assert config.limits.instances == 2
    assert config.fallback is None
    assert (config.responses_seconds, config.state_seconds) == (86400, 2_592_000)
    assert (config.gateway_host, config.gateway_port, config.canary_port) == ("gateway.genapps-system.svc", 8443, 8444)


LATER = {
    ("limits", "instances"): 1,
    ("limits", "cpuMillisPerAction"): 0,
    ("time", "napMillis"): 0,
    ("background",): False,
    ("retention", "stateSeconds"): 0,
    ("schedules",): (),
}
"""Fields that came after others, and what their absence means."""


def test_a_config_of_an_older_operator_works_as_it_did_then() -> None:
    config = json.loads(model().content())
    for *section, field in LATER:
        holder = config[section[0]] if section else config
        del holder[field]
    del config["cors"]
    assert not CONFIG(config), "no operator of today writes it"
    read = parse_config(orjson.dumps(config))
    limits = [read.limits.instances, read.limits.cpu_millis_per_action]
    found = [*limits, read.nap_millis, read.background, read.state_seconds, read.schedules]
    assert found == [*LATER.values()]
    assert read.cors is None


def test_any_other_field_must_be_there() -> None:
    for *parents, last in _places(json.loads(model().content())):
        config = json.loads(model().content())
        holder = config
        for key in parents:
            holder = holder[key]
        del holder[last]
        optional = (*parents, last) in LATER or last in ("tenancy", "fallback", "cors")
        assert (refusal(config) is None) is optional, (*parents, last)


def test_the_harness_of_the_runtime_tests_writes_configs_as_the_operator_does() -> None:
    assert CONFIG(runtime_config(HASH))


@settings(max_examples=300)
@given(st.data())
def test_the_runtime_accepts_no_config_that_the_schema_refuses(data: st.DataObject) -> None:
    config = json.loads(model(fallback=data.draw(st.sampled_from([None, FALLBACK]))).content())
    *parents, last = data.draw(st.sampled_from(_places(config)))
    holder = config
    for key in parents:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[last] = data.draw(ANYTHING)
    else:
        holder[f"{last}2"] = 1
    assert _close(config) or refusal(config) is Reason.CONFIG_INVALID


def _close(config: dict[str, Any]) -> bool:
    """Valid, or different only in the text of names, whose patterns are the operator's to check."""
    named = {name: text for name in ("app", "namespace", "revision", "entry") if isinstance(text := config[name], str)}
    return CONFIG(config) or (
        len(named) == 4 and CONFIG(config | {"app": "a", "namespace": "a", "revision": "a" * 12, "entry": "app.py"})
    )


NAMES = st.text("abcXYZ019-_.", min_size=1, max_size=20).filter(lambda name: not name.startswith(".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@given(NAMES, st.dictionaries(PATHS, st.binary(max_size=50), max_size=5))
def test_both_planes_compute_the_same_digest_of_a_bundle(entry: str, files: dict[str, bytes]) -> None:
    assert bundle.digest_of(bundle.Bundle(entry, files)) == digests.bundle_digest(entry, files)


def test_both_planes_bound_a_bundle_alike() -> None:
    assert (bundle.BUNDLE_BYTES, bundle.BUNDLE_FILES) == (bundles.BUNDLE_BYTES, bundles.BUNDLE_FILES)
    assert (bundle.PATH_DEPTH, bundle.PUBLIC) == (bundles.PATH_DEPTH, bundles.PUBLIC)


def test_the_operator_asks_for_debug_and_fresh_instances_in_the_runtimes_words() -> None:
    assert DEBUG_ASKED == DEBUG
    assert FRESH_ASKED == FRESH


def test_what_a_pod_may_take_of_the_disk_is_reckoned_with_the_runtimes_log_rate() -> None:
    assert ephemeral_storage.LOG_BYTES_PER_SECOND == logs.BYTES_PER_SECOND
    assert ephemeral_storage.LOG_BURST_BYTES == logs.BURST_BYTES
    for size in (10 * 2**20, 50 * 2**20):
        assert ephemeral_storage.needed(size, 5, 10) <= ephemeral_storage.LIMIT_BYTES
