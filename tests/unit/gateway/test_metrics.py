# SPDX-License-Identifier: Apache-2.0
"""Series of connectors: they go with the connector, and begin anew when it comes back."""

from genapps.gateway.metrics import Metrics

CALLS = "genapps_gateway_calls_total"


def test_a_connector_that_comes_back_is_counted_from_nothing_and_others_go_on() -> None:
    metrics = Metrics()

    def count(connector: str) -> float | None:
        return metrics.registry.get_sample_value(CALLS, {"connector": connector, "code": "ok"})

    for connector in ("rates", "rates", "mail"):
        metrics.calls.labels(connector, "ok").inc()
    metrics.forget("rates")
    assert (count("rates"), count("mail")) == (None, 1)
    for connector in ("rates", "mail"):
        metrics.calls.labels(connector, "ok").inc()
    assert (count("rates"), count("mail")) == (1, 2)
