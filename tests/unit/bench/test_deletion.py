# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from bench.cluster.deletion import count_down
from tests.support.scripted_server import Script, serve, stream


def pod(uid: str) -> dict[str, Any]:
    return {"metadata": {"name": f"pod-{uid}", "uid": uid, "resourceVersion": "8"}}


async def test_the_end_is_the_end_of_the_last_pod_also_of_one_that_was_created_meanwhile() -> None:
    events = stream(
        ("MODIFIED", pod("a")), ("DELETED", pod("a")), ("ADDED", pod("c")), ("DELETED", pod("b")),
        ("DELETED", pod("c")), then="silence",
    )  # fmt: skip
    script = Script([events])
    left = {"a", "b"}
    async with serve(script) as client:
        await count_down(client, left, "7")
    assert not left
    assert script.asked[0].query["resourceVersion"] == "7"


async def test_a_watch_that_ends_early_is_no_measurement() -> None:
    script = Script([stream(("DELETED", pod("a")))])
    async with serve(script) as client:
        with pytest.raises(RuntimeError, match="ended while 1 were left"):
            await count_down(client, {"a", "b"}, "7")
