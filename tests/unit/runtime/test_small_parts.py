"""The shared page, metrics, problems and settings."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.heartbeat import TEXT_BYTES, Vitals
from genapps_runtime.logs import ActionLog, write
from genapps_runtime.main import main
from genapps_runtime.metrics import BOUNDS, Metrics
from genapps_runtime.problems import CODES, ProblemError, printable
from genapps_runtime.settings import Settings


def test_a_guest_call_is_late_from_its_deadline_on_and_the_loop_from_its_last_beat() -> None:
    vitals = Vitals()
    vitals.beat()
    assert vitals.overdue_seconds(time.monotonic_ns() + 10**9)[0] == "loop"
    now = time.monotonic_ns()
    vitals.enter(now + 2 * 10**9)
    assert vitals.overdue_seconds(now + 5 * 10**9) == ("guest", 3.0)
    vitals.leave()
    what, late = vitals.overdue_seconds(time.monotonic_ns())
    assert what == "loop"
    assert late < 60


@given(st.binary(max_size=2 * TEXT_BYTES))
def test_what_is_published_is_read_up_to_the_size_of_the_page(text: bytes) -> None:
    vitals = Vitals()
    vitals.publish(b"before")
    vitals.publish(text)
    assert vitals.published() == text[:TEXT_BYTES]


def test_a_worker_that_died_while_publishing_leaves_nothing_half() -> None:
    vitals = Vitals()
    vitals.publish(b"whole")
    vitals.ready = True
    vitals.reset(1.0)
    assert vitals.published() == b""
    assert not vitals.ready


def test_metrics_are_rendered_as_prometheus_reads_them() -> None:
    metrics = Metrics()
    metrics.action("ok", 0.003)
    metrics.action("ActionTimeout", 99)
    metrics.tool_call("ConnectorNotInEnvelope")
    metrics.guest_started()
    lines = metrics.render().decode().splitlines()
    assert 'genapps_actions_total{outcome="ActionTimeout"} 1' in lines
    assert 'genapps_tool_calls_total{outcome="ConnectorNotInEnvelope"} 1' in lines
    assert 'genapps_action_duration_seconds_bucket{le="0.0025"} 0' in lines
    assert 'genapps_action_duration_seconds_bucket{le="0.005"} 1' in lines
    assert 'genapps_action_duration_seconds_bucket{le="+Inf"} 2' in lines
    assert "genapps_guest_starts_total 1" in lines
    assert not metrics.changed


@pytest.mark.parametrize("code", CODES)
def test_every_problem_is_an_error_status_with_a_title(code: str) -> None:
    problem = ProblemError(code)
    assert 400 <= problem.status <= 599
    assert f'"code":"{code}"' in problem.body("r").decode()


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    assert printable(text).isprintable()


@given(st.lists(st.text(max_size=300), max_size=50))
def test_a_log_keeps_no_more_than_its_limit_and_counts_the_rest(records: list[str]) -> None:
    log = ActionLog(1000)
    for record in records:
        log.add(record)
    assert sum(len(record["message"]) for record in log.records) <= 1000
    assert len(log.records) + log.dropped == len(records)


def test_settings_are_the_pods_paths_unless_the_environment_says_otherwise() -> None:
    settings = Settings.read(
        {"GENAPPS_RUNTIME_APP_PORT": "81", "APP_PORT": "82", "GENAPPS_RUNTIME_ADDRESS": "127.0.0.1"}
    )
    assert (settings.app_port, settings.address, settings.health_port) == (81, "127.0.0.1", 9090)
    assert settings.config_file == "/etc/genapps/config/runtime.json"
    with pytest.raises(ValueError, match="x"):
        Settings.read({"GENAPPS_RUNTIME_APP_PORT": "x"})


@given(st.one_of(st.sampled_from(BOUNDS), st.floats(0, 100)))
def test_a_duration_is_counted_up_to_the_bounds_that_it_does_not_exceed(seconds: float) -> None:
    metrics = Metrics()
    metrics.action("ok", seconds)
    counts = [line for line in metrics.render().decode().splitlines() if "_bucket" in line]
    assert [int(line.split()[-1]) for line in counts] == [*(int(seconds <= bound) for bound in BOUNDS), 1]


def test_log_lines_carry_the_time_of_their_writing(capfd: pytest.CaptureFixture[str]) -> None:
    before = datetime.now(UTC)
    for _ in range(3):
        write("event", level="info")
    after = datetime.now(UTC)
    times = [json.loads(line)["time"] for line in capfd.readouterr().out.splitlines()]
    found = [datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) for time in times]
    assert [before, *found, after] == sorted([before, *found, after])
    assert len({len(time) for time in times}) == 1


DIGESTS = ["--config-digest", "sha256:" + "a" * 64, "--code-digest", "sha256:" + "b" * 64]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--restore-state"],
        DIGESTS[:2],
        [*DIGESTS[:2], "--restore-state"],
        [*DIGESTS[:2], "--restore-state", *DIGESTS[2:]],
        [*DIGESTS, "--restore-state", "--restore-state"],
        [*DIGESTS, "--restore"],
        [*DIGESTS[:3], "sha256:" + "B" * 64],
        [*DIGESTS[:3], "b" * 64],
    ],
)
def test_any_other_command_line_is_an_error_of_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: genapps-runtime" in capsys.readouterr().err
