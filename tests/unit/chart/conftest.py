"""What the chart tests share: values that install, and the manifests they give."""

import pytest

from tests.support import helm

IMAGES = {"genapps": "localhost/genapps:1", "runtime": "localhost/genapps-runtime:1"}


@pytest.fixture
def values() -> helm.Values:
    """The least that a user must set."""
    return helm.values_for(IMAGES)


@pytest.fixture(
    params=[
        pytest.param({}, id="defaults"),
        pytest.param(
            {
                "runNamespaces": ["apps-finance", "apps-sales"],
                "runNamespaceQuotas": {"apps-sales": {"pods": "20", "requests.memory": "4Gi"}},
                "storage": {"className": "fast.ssd", "waitForFirstConsumer": True},
                "hostUsers": False,
                "gateway": {"clusterIP": "10.96.7.7"},
                "networkPolicy": {
                    "apiServerCIDRs": ["10.201.0.2/32"],
                    "apiServerPorts": [6443],
                    "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
                },
            },
            id="everything set",
        ),
    ]
)
def rendered(request: pytest.FixtureRequest, values: helm.Values) -> list[helm.Manifest]:
    """The chart's manifests, with the least values and with all of them."""
    return helm.render({**values, **request.param})
