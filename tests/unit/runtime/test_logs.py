"""Log lines of the process and of one action."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.logs import ActionLog, write


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
