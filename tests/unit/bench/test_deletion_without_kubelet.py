# SPDX-License-Identifier: Apache-2.0
import asyncio
from typing import Any

from bench.cluster.deletion_without_kubelet import remove_ending
from tests.support.scripted_server import Script, refusal, serve, stream

ENDING = "2026-11-23T12:00:00Z"


def pod(uid: str, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"name": f"pod-{uid}", "uid": uid, "resourceVersion": "8", **metadata}}


async def test_a_pod_goes_when_its_deletion_is_ordered_and_no_other() -> None:
    events = stream(
        ("ADDED", pod("a")), ("MODIFIED", pod("a")), ("MODIFIED", pod("b", deletionTimestamp=ENDING)),
        ("MODIFIED", pod("b", deletionTimestamp=ENDING)), ("MODIFIED", pod("d", deletionTimestamp=ENDING)),
        ("DELETED", pod("c", deletionTimestamp=ENDING)),
    )  # fmt: skip
    script = Script([events, refusal(404, "NotFound")])
    async with serve(script) as client:
        await asyncio.wait_for(remove_ending(client, "7"), 10)
    watch, *removals = script.asked
    assert watch.query["resourceVersion"] == "7"
    assert {(one.method, one.path.rsplit("/", 1)[1]) for one in removals} == {("DELETE", "pod-b"), ("DELETE", "pod-d")}
    assert len(removals) == 2, "each once, and one that is gone already ends nothing"
