# SPDX-License-Identifier: Apache-2.0
"""An app as its users have it: it answers, keeps its state, changes its code, and refuses what it should."""

import json

import pytest

from demo.callers import Pod, Reply
from tests.support.apps import Manifest, another_pod, app, child_of, is_true, pod_of, ready, until_app
from tools.kubectl import Kubectl, condition, until

COUNTER = """
    from genapps import app, state

    @app.post("/count")
    async def count(request):
        value = await state.get("count", 0) + 1
        await state.put("count", value)
        return {"count": value}
"""
VERSION = """
    from genapps import app

    @app.get("/")
    async def version(request):
        return "version {}"
"""


def ask(caller: Pod, found: Manifest, method: str = "GET", path: str = "/") -> Reply:
    return caller.request(method, found["status"]["url"] + path, {}, None)


def count(caller: Pod, found: Manifest) -> int:
    return int(json.loads(ask(caller, found, "POST", "/count").body)["count"])


def test_state_survives_the_pod(installed: Kubectl, tenant: str, caller: Pod) -> None:
    found = ready(installed, app("counter", tenant, COUNTER))
    assert count(caller, found) == 1
    pod = pod_of(installed, found)
    installed("delete", "pod", pod["metadata"]["name"], "-n", pod["metadata"]["namespace"])
    until(lambda: another_pod(installed, found, pod), what="another pod")
    found = until_app(installed, found, is_true("Ready"))
    assert count(caller, found) == 2


def test_a_new_source_answers_and_the_old_snapshot_stays_for_the_way_back(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    first = ready(installed, app("changing", tenant, VERSION.format(1)))
    assert ask(caller, first).body == "version 1"
    second = ready(installed, app("changing", tenant, VERSION.format(2)))
    assert ask(caller, second).body == "version 2"
    assert first["status"]["codeDigest"] != second["status"]["codeDigest"]
    selector = f"genapps.dev/app=changing,genapps.dev/app-namespace={tenant}"

    assert len(installed.items("configmaps", "-n", "genapps-run", "-l", selector)) == 4


def test_operating_mode_stops_the_pod_keeps_the_claim_and_starts_again(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    manifest = app("pausing", tenant, COUNTER)
    assert count(caller, ready(installed, manifest)) == 1
    paused = app("pausing", tenant, COUNTER, operatingMode="Suspended")
    installed.apply(paused)
    stopped = until_app(installed, paused, is_true("Suspended", "Requested"))
    assert condition(stopped, "Ready")["status"] == "False"
    until(lambda: child_of(installed, stopped, "pods") is None, what="no pod")
    assert child_of(installed, stopped, "persistentvolumeclaims") is not None
    assert ask(caller, stopped, "POST", "/count").status is None
    assert count(caller, ready(installed, manifest)) == 2


@pytest.mark.parametrize(
    ("code", "fragment"),
    [
        pytest.param("def broken(:\n", "app.py", id="a syntax error names the file"),
        pytest.param("import subprocess\n", "subprocess", id="a module that is not available is named"),
        pytest.param("raise ValueError('at load')\n", "at load", id="an error at load is shown"),
    ],
)
def test_code_that_does_not_load_is_reported_with_the_next_step(
    installed: Kubectl, tenant: str, code: str, fragment: str
) -> None:
    manifest = app("broken", tenant, code)
    installed.apply(manifest)
    found = until_app(installed, manifest, lambda seen: condition(seen, "CodeVerified").get("status") == "False")
    assert fragment in condition(found, "CodeVerified")["message"]
    assert condition(found, "Stalled")["status"] == "True"
    assert condition(found, "Ready")["status"] == "False"


def test_a_digest_that_does_not_fit_the_source_starts_nothing(installed: Kubectl, tenant: str) -> None:
    manifest = app("forged", tenant, VERSION.format(1))
    manifest["spec"]["code"]["digest"] = "sha256:" + "0" * 64
    installed.apply(manifest)
    found = until_app(installed, manifest, is_true("Stalled"))
    assert condition(found, "CodeVerified")["status"] == "False"
    assert child_of(installed, found, "pods") is None


def test_hostile_actions_get_a_clean_error_and_the_app_stays_up(installed: Kubectl, tenant: str, caller: Pod) -> None:
    hostile = """
        from genapps import app

        @app.get("/loop")
        async def loop(request):
            while True:
                pass

        @app.get("/allocate")
        async def allocate(request):
            held = []
            while True:
                held.append(bytearray(1 << 20))

        @app.get("/recurse")
        async def recurse(request):
            def deeper(n):
                return deeper(n + 1) + 1
            return {"depth": deeper(0)}

        @app.get("/")
        async def fine(request):
            return "fine"
    """
    found = ready(installed, app("hostile", tenant, hostile))
    neighbour = ready(installed, app("neighbour", tenant, VERSION.format(1)))
    pod = pod_of(installed, found)
    for path, status in (("/loop", 504), ("/allocate", 502), ("/recurse", 500)):
        reply = ask(caller, found, path=path)
        assert reply.status is not None, f"{path}: {reply.error}"
        assert reply.status >= 500, f"{path}: {reply}, expected about {status}"
        assert '"code"' in reply.body, f"{path} is answered as a problem"
        assert ask(caller, found).body == "fine", f"after {path}"
        assert ask(caller, neighbour).body == "version 1"
    after = pod_of(installed, found)
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0


def test_an_app_that_keeps_failing_is_degraded_and_ready_until_it_recovers(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    failing = """
        from genapps import app

        @app.get("/fail")
        async def fail(request):
            raise LookupError

        @app.get("/")
        async def fine(request):
            return "fine"
    """
    found = ready(installed, app("failing", tenant, failing))
    for _ in range(20):
        assert ask(caller, found, path="/fail").status == 500
    assert ask(caller, found).status == 503
    found = until_app(installed, found, is_true("Degraded", "ExecutionBreakerOpen"))
    assert is_true("Ready")(found), "else nothing could be tried"
    until(lambda: [ask(caller, found).status for _ in range(3)] == [200] * 3, what="probes that succeed")
    until_app(installed, found, lambda now: not is_true("Degraded")(now))


def test_kubectl_wait_and_the_columns_work(installed: Kubectl, tenant: str) -> None:
    installed.apply(app("waited", tenant, VERSION.format(1)))
    installed("wait", "--for=condition=Ready", "gapp/waited", "-n", tenant, "--timeout=60s")
    line = installed("get", "gapp", "waited", "-n", tenant, "--no-headers").split()
    assert line[:5] == ["waited", "True", "Available", "low", "testers"]


def test_a_deleted_app_is_gone_but_its_claim(installed: Kubectl, tenant: str) -> None:
    found = ready(installed, app("leaving", tenant, COUNTER))
    installed("delete", "gapp", "leaving", "-n", tenant)
    for kind in ("pods", "networkpolicies", "services", "serviceaccounts"):
        until(lambda kind=kind: child_of(installed, found, kind) is None, 60, f"no {kind}")  # type: ignore[misc]
    assert child_of(installed, found, "persistentvolumeclaims") is not None
    again = ready(installed, app("leaving", tenant, COUNTER))
    assert again["metadata"]["uid"] != found["metadata"]["uid"]
