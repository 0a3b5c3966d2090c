# SPDX-License-Identifier: Apache-2.0
"""Metrics as Prometheus reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.metrics import BOUNDS, Metrics


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


@given(st.one_of(st.sampled_from(BOUNDS), st.floats(0, 100)))
def test_a_duration_is_counted_up_to_the_bounds_that_it_does_not_exceed(seconds: float) -> None:
    metrics = Metrics()
    metrics.action("ok", seconds)
    counts = [line for line in metrics.render().decode().splitlines() if "_bucket" in line]
    assert [int(line.split()[-1]) for line in counts] == [*(int(seconds <= bound) for bound in BOUNDS), 1]


OUTCOMES = st.sampled_from(["ok", "Busy", "ActionTimeout"])


@given(
    st.lists(st.lists(st.one_of(st.tuples(OUTCOMES, st.floats(0, 100)), OUTCOMES), max_size=5), min_size=2, max_size=4)
)
def test_counters_go_on_where_the_process_before_has_ended(processes: list[list[tuple[str, float] | str]]) -> None:
    one, text = Metrics(), b""
    for events in processes:
        next_one = Metrics(text)
        for metrics in (one, next_one):
            for event in events:
                if isinstance(event, str):
                    metrics.tool_call(event)
                else:
                    metrics.action(*event)
            metrics.napped()
        text = next_one.render()
    assert _counters(text) == pytest.approx(_counters(one.render()), abs=1e-5)


@given(st.integers(0, 2**53))
def test_large_numbers_lose_nothing_from_one_process_to_the_next(value: int) -> None:
    metrics = Metrics()
    metrics.set("genapps_log_lines_dropped_total", value)
    after = Metrics(metrics.render())
    assert after.value("genapps_log_lines_dropped_total") == value
    assert f"genapps_log_lines_dropped_total {value}" in after.render().decode().splitlines()


def _counters(text: bytes) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.decode().splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _, value in lines}


@given(st.integers(0, 4000))
def test_a_text_that_was_cut_is_taken_as_far_as_it_is_whole(size: int) -> None:
    metrics = Metrics()
    metrics.action("ok", 0.003)
    metrics.napped()
    after = Metrics(metrics.render()[:size]).render()
    assert set(_counters(after)) <= set(_counters(metrics.render()))
    assert all(value <= _counters(metrics.render())[series] for series, value in _counters(after).items())
