# SPDX-License-Identifier: Apache-2.0
"""An outage of the gateway is seen, and it wakes the apps when it is over: no revision is blamed for it."""

from typing import Any

import pytest

from genapps.controller.cache.keys import AppKey
from tests.unit.controller.world import NOW, Seen

APP = {"metadata": {"namespace": "finance", "name": "app", "uid": "u", "resourceVersion": "1"}, "spec": {}}


class Outage(Seen):
    """The caches with one app, and what they wake."""

    def __init__(self) -> None:
        super().__init__()
        self.caches.apps.changed(dict(APP))
        self.woken()
        self._version = 1

    def slice(self, *endpoints: dict[str, Any], name: str = "gateway-1") -> None:
        self._version += 1
        meta = {"namespace": "system", "name": name, "resourceVersion": str(self._version)}
        self.caches.gateway_endpoints.changed({"metadata": meta, "endpoints": list(endpoints)})


READY: dict[str, Any] = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}
NOT_READY: dict[str, Any] = {"addresses": ["10.0.0.2"], "conditions": {"ready": False}}


@pytest.mark.parametrize(
    ("endpoints", "answers"),
    [
        ([], False),
        ([NOT_READY], False),
        ([NOT_READY, READY], True),
        ([{"addresses": ["10.0.0.1"]}], True),
        ([{"addresses": ["10.0.0.1"], "conditions": {}}], True),
    ],
    ids=["no endpoint", "none is ready", "one is ready", "no conditions", "readiness not told"],
)
def test_the_gateway_answers_when_one_of_its_pods_is_ready(endpoints: list[dict[str, Any]], answers: bool) -> None:
    seen = Outage()
    assert not seen.caches.gateway_answers()
    seen.slice(*endpoints)
    assert seen.caches.gateway_answers() == answers


def test_the_end_of_an_outage_is_remembered_and_wakes_every_app() -> None:
    seen = Outage()
    seen.slice(READY)
    assert seen.caches.gateway_since is None
    seen.slice(NOT_READY)
    seen.woken()
    seen.slice(READY)
    assert seen.woken() == [AppKey("finance", "app")]
    assert seen.caches.gateway_since == NOW


def test_a_replica_that_comes_and_goes_wakes_nobody() -> None:
    seen = Outage()
    seen.slice(READY)
    assert seen.woken() == [AppKey("finance", "app")], "the first sign of life"
    seen.woken()
    seen.slice(READY, name="gateway-2")
    seen.slice(NOT_READY)
    assert seen.woken() == []
    assert seen.caches.gateway_since is None
