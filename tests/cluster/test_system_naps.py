# SPDX-License-Identifier: Apache-2.0
"""An app that nobody calls, on a real cluster: its process goes and comes back, and Kubernetes sees a ready pod."""

import json

from demo.callers import Pod
from tests.support.apps import Manifest, app, log_lines, pod_of, ready, until_app
from tools.kubectl import Kubectl, condition, until

COUNTER = """
    from genapps import app, state

    @app.post("/count")
    async def count(request):
        value = await state.get("count", 0) + 1
        await state.put("count", value)
        return {"count": value}
"""


def until_napped(installed: Kubectl, pod: Manifest, naps: int) -> None:
    until(lambda: len(log_lines(installed, pod, "napping")) >= naps, what=f"nap {naps}")


def test_an_app_naps_and_answers_and_is_ready_all_the_time(installed: Kubectl, tenant: str, caller: Pod) -> None:
    found = ready(installed, app("napper", tenant, COUNTER, napAfter="1s"))
    pod, since = pod_of(installed, found), condition(found, "Ready")["lastTransitionTime"]
    for naps in range(1, 4):
        until_napped(installed, pod, naps)
        reply = caller.request("POST", found["status"]["url"] + "/count", {}, None)
        assert (reply.status, json.loads(reply.body)) == (200, {"count": naps})
    assert len(log_lines(installed, pod, "woken")) >= 3
    after = pod_of(installed, found)
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    (container,) = after["status"]["containerStatuses"]
    assert (container["restartCount"], container["ready"]) == (0, True)
    # A pod or an app that was not ready for a moment has another time here.
    assert condition(after, "Ready") == condition(pod, "Ready")
    still = until_app(installed, found, lambda seen: condition(seen, "Ready")["status"] == "True")
    assert condition(still, "Ready")["lastTransitionTime"] == since
