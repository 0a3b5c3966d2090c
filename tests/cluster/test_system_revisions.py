# SPDX-License-Identifier: Apache-2.0
"""A bad revision on a real node: the previous one answers, with its state, until the code is corrected."""

import json

from demo.callers import Pod
from tests.support.apps import app, is_true, ready, until_app
from tools.kubectl import Kubectl, condition

COUNTER = """
    from genapps import app, state

    @app.post("/count")
    async def count(request):
        value = await state.get("count", 0) + {}
        await state.put("count", value)
        return {{"count": value}}
"""
BROKEN = "raise ValueError('at load')\n"


def test_a_bad_revision_gives_way_and_a_corrected_one_takes_over(installed: Kubectl, tenant: str, caller: Pod) -> None:
    def count(url: str) -> int:
        return int(json.loads(caller.request("POST", f"{url}/count", {}, None).body)["count"])

    rollback = {"to": "previousRevision", "state": "Restore"}
    first = ready(installed, app("counter", tenant, COUNTER.format(1), rollback=rollback))
    url = first["status"]["url"]
    assert count(url) == 1
    bad = app("counter", tenant, BROKEN, rollback=rollback)
    installed.apply(bad)
    found = until_app(installed, bad, is_true("Stalled", "RolledBack"))
    assert "at load" in condition(found, "Stalled")["message"]
    found = until_app(installed, bad, is_true("Ready"))
    assert found["status"]["revision"] == first["status"]["revision"] != found["status"]["desiredRevision"]
    assert [kept["result"] for kept in found["status"]["revisions"]] == ["Running", "Failed"]
    assert count(url) == 2, "the state that the first revision had left"
    corrected = app("counter", tenant, COUNTER.format(10), rollback=rollback)
    installed.apply(corrected)

    def taken_over(seen: dict[str, object]) -> bool:
        return is_true("Ready")(seen) and condition(seen, "Stalled")["status"] == "False"

    until_app(installed, corrected, taken_over)
    assert count(url) == 12
