# SPDX-License-Identifier: Apache-2.0
"""Log lines of the process and of one action."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.logs import BURST_BYTES, BYTES_PER_SECOND, ActionLog, BoundedLog, write


@given(st.lists(st.text(max_size=300), max_size=50))
def test_a_log_keeps_no_more_than_its_limit_and_counts_the_rest(records: list[str]) -> None:
    log = ActionLog(1000)
    for record in records:
        log.add(record)
    assert sum(len(record["message"]) for record in log.records) <= 1000
    assert len(log.records) + log.dropped == len(records)


def test_log_lines_carry_the_time_of_their_writing(capfd: pytest.CaptureFixture[str]) -> None:
    before = datetime.now(UTC)
    for _ in range(3):
        write("event", level="info")
    after = datetime.now(UTC)
    times = [json.loads(line)["time"] for line in capfd.readouterr().out.splitlines()]
    found = [datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) for time in times]
    assert [before, *found, after] == sorted([before, *found, after])
    assert len({len(time) for time in times}) == 1


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_an_app_that_logs_much_gets_its_rate_and_what_is_dropped_is_counted_and_told_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    log, text, written = BoundedLog(0.0), "x" * 10_000, 0
    for second in range(1, 11):
        for _ in range(1000):
            log.write("action", text=text)
        log.refill(float(second), app="chatty")
        found = lines(capfd)
        told = [line for line in found if line["event"] == "log lines dropped"]
        assert [line["lines"] for line in told] == [1000 - (len(found) - 1)]
        assert told[0]["app"] == "chatty"
        written += len(found) - 1
    assert log.dropped == 10_000 - written
    assert 0.9 < written * 10_200 / (10 * BYTES_PER_SECOND) < 1.1


def test_a_quiet_app_may_log_a_burst_and_is_told_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    log = BoundedLog(0.0)
    log.refill(3600.0)
    for _ in range(BURST_BYTES // 10_300):
        log.write("action", text="x" * 10_000)
    log.refill(3601.0)
    assert {line["event"] for line in lines(capfd)} == {"action"}
    assert log.dropped == 0


def test_the_process_own_lines_are_never_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    log = BoundedLog(0.0)
    while not log.dropped:
        log.write("action", text="x" * 100_000)
    write("refused", level="error")
    assert lines(capfd)[-1]["event"] == "refused"


@pytest.mark.parametrize("depth", [100, 980, 1020, 5000])
@pytest.mark.parametrize(
    "record", ['{{"level": "info", "message": {0}}}', '{{"level": "info", "message": "m", "fields": {{"a": {0}}}}}']
)
def test_a_record_of_any_depth_keeps_no_line_of_others_from_being_written(
    record: str, depth: int, capfd: pytest.CaptureFixture[str]
) -> None:
    hostile, other = ActionLog(16384), ActionLog(16384)
    hostile.add(record.format("[" * depth + "]" * depth))
    other.add('{"level": "info", "message": "of another tenant"}')
    BoundedLog(0.0).write_many("action", [hostile.fields(), other.fields()])
    first, second = lines(capfd)
    assert [len(line["log"]) for line in (first, second)] == [1, 1]  # type: ignore[arg-type]
    assert second["log"] == [{"level": "info", "message": "of another tenant"}]
