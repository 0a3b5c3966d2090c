# SPDX-License-Identifier: Apache-2.0
"""Metrics as Prometheus reads them."""

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
