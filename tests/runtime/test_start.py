# SPDX-License-Identifier: Apache-2.0
"""From the start of the pod's process to Ready, and every way in which it must not get there."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.fake_gateway import DEADLINE_SECONDS, Authority, FakeGateway
from tests.runtime.harness import Pod, pss_kib
from tests.runtime.rejected import FINE, REJECTED

SMALLEST_TIER = 32 * 1024 * 1024
"""The least `guestMemory` that the AppBudget's definition takes."""
FAST = {"fence_interval_seconds": "0.1", "fence_patience_seconds": "0.5", "fence_failing_seconds": "0.2"}


@pytest.mark.parametrize(("source", "reason", "text"), [row[1:] for row in REJECTED], ids=[row[0] for row in REJECTED])
async def test_code_that_does_not_load_ends_the_process_with_its_place(
    pod: Pod, source: str, reason: str, text: str
) -> None:
    pod.write(source, time={"loadMillis": 500})
    await pod.start(ready=False)
    assert await pod.ended() == 3
    found = pod.termination()
    assert found["reason"] == reason
    assert text in found["message"]
    raw = (pod.directory / "termination").read_bytes()
    assert len(raw) <= 1024
    assert raw.count(b"\n") == 1
    assert b"\x1b" not in raw
    assert [line["reason"] for line in pod.log("refused")] == [reason]


async def test_code_that_is_not_text_is_rejected(pod: Pod) -> None:
    pod.write({"app.py": b"\xff\xfe"})
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination() == {
        "reason": "CodeRejected",
        "message": "app.py is not UTF-8 text (byte 0). Save it as UTF-8",
    }


async def test_an_entry_that_is_not_in_the_bundle_is_rejected(pod: Pod) -> None:
    pod.write({"other.py": FINE.encode()})
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "CodeRejected"


async def test_code_that_changed_after_it_was_judged_is_not_run(pod: Pod) -> None:
    pod.write(FINE)
    (pod.directory / "code" / "app.py").write_text(FINE + "# one more line\n")
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "SnapshotMismatch"
    [report] = pod.gateway.reports
    assert report["rule"] == "snapshot_mismatch"
    assert report["requestId"].startswith("load-")


async def test_a_file_more_than_was_judged_is_not_run(pod: Pod) -> None:
    pod.write(FINE)
    (pod.directory / "code" / "more.py").write_text("")
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "SnapshotMismatch"


async def test_a_config_that_changed_after_it_was_judged_is_not_used(pod: Pod) -> None:
    pod.write(FINE)
    path = pod.directory / "config" / "runtime.json"
    path.write_bytes(path.read_bytes() + b" ")
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "SnapshotMismatch"


async def test_a_config_for_other_code_is_not_used(pod: Pod) -> None:
    pod.write(FINE, digests={"code": "sha256:" + "0" * 64})
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "SnapshotMismatch"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"language": "cobol"}, "language"), ({"tenancy": {}}, "tenancy"), ({"surprise": 1}, "surprise")],
)
async def test_a_config_beyond_this_runtime_is_refused_by_its_field(
    pod: Pod, changes: dict[str, Any], field: str
) -> None:
    pod.write(FINE, **changes)
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "ConfigInvalid"
    assert f"RuntimeConfig {field}" in pod.termination()["message"]


async def test_the_smallest_tier_that_a_budget_can_have_runs_an_app(pod: Pod) -> None:
    pod.write("import asyncio, email, logging, zoneinfo\n" + FINE, limits={"guestMemoryBytes": SMALLEST_TIER})
    await pod.start()
    assert (await pod.call("GET", "/")).status == 200


async def test_a_tier_too_small_for_the_engine_is_a_config_error(pod: Pod) -> None:
    pod.write(FINE, limits={"guestMemoryBytes": 1024 * 1024})
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "ConfigInvalid"


async def test_state_that_cannot_be_opened_is_said_so(pod: Pod) -> None:
    pod.write(FINE)
    pod.environment["state_directory"] = str(pod.directory / "nowhere")
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "StateUnavailable"


async def test_an_open_canary_ends_the_process_before_any_code_is_loaded(pod: Pod) -> None:
    await pod.gateway.open_canary()
    pod.write("print('loaded')\n" + FINE)
    pod.environment |= FAST
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "EgressOpen"
    assert not pod.log("load")


async def test_a_policy_that_lags_behind_the_start_is_waited_for(pod: Pod) -> None:
    await pod.gateway.open_canary()
    pod.write(FINE)
    await pod.start(ready=False)
    await pod.until_listening()
    answer = await pod.call("GET", "/")
    assert (answer.status, answer.code) == (503, "NotReady")
    await pod.gateway.close_canary()
    await pod.until_ready()
    assert (await pod.call("GET", "/")).status == 200


async def test_a_fence_that_opens_later_ends_the_process(pod: Pod) -> None:
    pod.write(FINE)
    pod.environment |= FAST
    await pod.start()
    await pod.gateway.open_canary()
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "EgressOpen"


async def test_without_a_gateway_the_app_waits_and_is_not_ready(pod: Pod) -> None:
    await pod.gateway.stop()
    pod.write("print('loaded')\n" + FINE)
    pod.environment |= FAST
    await pod.start(ready=False)
    await pod.until_listening()
    assert (await pod.health("/readyz")).status == 503
    assert (await pod.health("/livez")).status == 200
    assert not pod.log("load")
    await pod.gateway.start()
    await pod.until_ready()
    await pod.gateway.stop()
    await pod.until_ready(wanted=False)
    assert pod.process is not None
    assert pod.process.returncode is None


async def test_a_gateway_with_another_authoritys_certificate_proves_nothing(pod: Pod) -> None:
    pod.write(FINE)
    (pod.directory / "gateway" / "ca.crt").write_bytes(Authority.make().ca)
    await pod.start(ready=False)
    await pod.until_listening()
    assert (await pod.health("/readyz")).status == 503
    (pod.directory / "gateway" / "ca.crt").write_bytes(pod.gateway.authority.ca)
    await pod.until_ready()


async def test_a_certificate_for_another_name_proves_nothing(engine: Path, tmp_path: Path) -> None:
    gateway = FakeGateway(Authority.make("elsewhere.example"), tmp_path)
    await gateway.start()
    pod = Pod(tmp_path / "pod", gateway, engine)
    pod.write(FINE)
    await pod.start(ready=False)
    await pod.until_listening()
    status = (await pod.health("/readyz")).status
    await pod.stop()
    await gateway.stop()
    assert status == 503


async def test_token_and_authority_are_read_again_while_it_runs(pod: Pod) -> None:
    pod.write(
        "from genapps import app, tools\n@app.get('/')\nasync def call(request):\n"
        "    return await tools.call('rates', 'latest')\n"
    )
    pod.gateway.answers["rates"] = 200, {"result": 1}
    await pod.start()
    assert (await pod.call("GET", "/")).json() == 1
    await pod.gateway.stop()
    pod.gateway.authority = Authority.make()
    await pod.gateway.start()
    (pod.directory / "gateway" / "ca.crt").write_bytes(pod.gateway.authority.ca)
    (pod.directory / "token" / "token").write_text("token-2\n")
    assert (await pod.call("GET", "/")).json() == 1
    assert pod.gateway.tokens == ["Bearer token-1", "Bearer token-2"]


async def test_a_term_signal_lets_running_requests_end_and_ends_with_0(pod: Pod) -> None:
    pod.write(
        "from genapps import app, tools, state\n@app.get('/')\nasync def call(request):\n"
        "    await tools.call('rates', 'latest')\n    await state.put('done', True)\n    return 'done'\n"
        "@app.get('/done')\nasync def done(request):\n    return await state.get('done')\n",
        time={"actionMillis": 60_000},
    )
    pod.gateway.answers["rates"] = 200, {"result": 1}
    pod.gateway.hold = asyncio.Event()
    await pod.start()
    running = asyncio.create_task(pod.call("GET", "/"))
    await pod.gateway.until_called("rates")
    stopping = asyncio.create_task(pod.stop())
    await pod.until_ready(wanted=False)
    pod.gateway.hold.set()
    assert (await running).body == b"done"
    assert await stopping == 0
    await pod.start()
    assert (await pod.call("GET", "/done")).json() is True


async def test_a_worker_that_dies_is_replaced_and_state_is_kept(pod: Pod) -> None:
    pod.write(
        "from genapps import app, state\n@app.get('/')\nasync def count(request):\n"
        "    n = await state.get('n', 0) + 1\n    await state.put('n', n)\n    return n\n"
    )
    await pod.start()
    assert (await pod.call("GET", "/")).json() == 1
    os.kill(pod.worker(), signal.SIGKILL)
    await pod.until_log("worker ended")
    await pod.until_ready()
    assert (await pod.call("GET", "/")).json() == 2


async def test_a_worker_whose_loop_stands_still_is_killed_and_replaced(pod: Pod) -> None:
    pod.write(FINE)
    await pod.start()
    stuck = pod.worker()
    os.kill(stuck, signal.SIGSTOP)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await pod.until_log("worker is stuck, killing it")
        await pod.until_log("worker ended")
        await pod.until_ready()
    assert pod.worker() != stuck
    assert (await pod.call("GET", "/")).body == b"fine"


async def test_metrics_count_what_happened(pod: Pod) -> None:
    pod.write(FINE)
    await pod.start()
    await pod.call("GET", "/")
    await pod.call("GET", "/nowhere")
    text = await pod.until_metrics('outcome="RouteNotFound"} 1')
    assert 'genapps_actions_total{outcome="ok"} 1' in text
    assert "genapps_action_duration_seconds_count 2" in text
    assert "genapps_fence_proven 1" in text
    assert (await pod.health("/elsewhere")).status == 404


async def test_an_idle_pod_weighs_no_more_than_64_mib(pod: Pod, record_property: Callable[[str, object], None]) -> None:
    pod.write(FINE)
    await pod.start()
    await pod.call("GET", "/")
    assert pod.process is not None
    kib = {name: pss_kib(pid) for name, pid in (("supervisor", pod.process.pid), ("worker", pod.worker()))}
    record_property("pss_kib", str(kib))
    assert sum(kib.values()) <= 64 * 1024, kib


@pytest.mark.parametrize(
    ("what", "source"),
    [
        ("a byte order mark and CRLF", b"\xef\xbb\xbf" + FINE.replace("\n", "\r\n").encode()),
        ("a coding line", b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + FINE.encode()),
    ],
)
async def test_source_is_read_as_python_reads_it(pod: Pod, what: str, source: bytes) -> None:
    pod.write({"app.py": source})
    await pod.start()
    assert (await pod.call("GET", "/")).body == b"fine", what


FAILING = """
from genapps import app
@app.get("/")
async def fail(request):
    raise ValueError("the number of somebody else")
"""


@pytest.mark.parametrize(("options", "told"), [((), False), (("--debug",), True)])
async def test_only_in_debug_callers_are_told_what_an_app_says_when_it_fails(
    pod: Pod, options: tuple[str, ...], told: bool
) -> None:
    pod.write(FAILING)
    await pod.start(*options)
    answer = await pod.call("GET", "/")
    assert (answer.status, answer.code) == (500, "AppFailed")
    assert ("ValueError: the number of somebody else" in answer.body.decode()) == told
    assert "trace" not in answer.json()
    assert pod.log()[-1]["detail"] == "ValueError: the number of somebody else"


CHATTY = """
from genapps import app
@app.get("/")
async def chat(request):
    for _ in range(8):
        print("x" * 2000)
    return "said"
"""


async def test_an_app_that_logs_much_is_served_and_its_log_kept_to_a_rate(pod: Pod) -> None:
    pod.write(CHATTY)
    await pod.start()
    answered = 0

    async def call() -> None:
        nonlocal answered
        while answered < 3000 and not pod.log("log lines dropped"):
            for _ in range(20):
                assert (await pod.call("GET", "/")).status == 200
                answered += 1

    await asyncio.gather(*(call() for _ in range(8)))
    (told, *_) = pod.log("log lines dropped")
    assert told["app"] == "example"
    await pod.until_metrics(f'genapps_actions_total{{outcome="ok"}} {answered}')
    metrics = (await pod.health("/metrics")).body.decode()
    dropped = int(metrics.partition("\ngenapps_log_lines_dropped_total ")[2].partition("\n")[0])
    assert len(pod.log()) + dropped == answered
