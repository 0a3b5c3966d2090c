# SPDX-License-Identifier: Apache-2.0
"""A new runtime image reaches the apps of a run namespace one after the other; the others serve meanwhile."""

import time
from pathlib import Path

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

APPS = tuple(f"app-{number}" for number in range(6))
NEWER = "localhost/genapps-runtime:newer"


def replaced(here: World) -> list[str]:
    """The apps whose pod has the newer image."""
    pods = here.kubectl.items("pods", "-n", here.run, "-l", "genapps.dev/app")
    return sorted(
        pod["metadata"]["labels"]["genapps.dev/app"]
        for pod in pods
        if pod["spec"]["containers"][0]["image"] == NEWER and "deletionTimestamp" not in pod["metadata"]
    )


def answers(here: World, app: str) -> bool:
    return condition(here.get(app), "Ready").get("status") == "True"


def until_more(here: World, than: int) -> list[str]:
    found: list[str] = []

    def more() -> bool:
        found[:] = replaced(here)
        return len(found) > than

    until(more, 30, "the next pod")
    return found


def test_one_app_at_a_time_gets_its_new_pod_and_all_get_it_in_the_end(
    bare: Node, bare_kubectl: Kubectl, tmp_path: Path
) -> None:
    with world(bare_kubectl, bare, tmp_path / "log") as here:
        here.apply(*(here.app(name) for name in APPS))
        for name in APPS:
            here.until_pod(name)
            here.make_ready(name)
        for name in APPS:
            here.until_condition(name, "Ready", "True", "Available")
        here.operator.stop()
        here.operator.environment["GENAPPS_RUNTIME_IMAGE"] = NEWER
        here.operator.start()
        done: list[str] = []
        while len(done) < len(APPS):
            now = until_more(here, len(done))
            (new,) = set(now) - set(done)
            time.sleep(1)
            assert replaced(here) == now, "no other app before this one is ready again"
            waiting = [name for name in APPS if name not in now]
            assert all(answers(here, name) for name in waiting)
            for name in waiting:
                assert condition(here.get(name), "Reconciling")["reason"] == "Switching"
            here.make_ready(new)
            here.until_condition(new, "Ready", "True", "Available")
            done = now
        for name in APPS:
            here.until_condition(name, "Reconciling", "False", "Settled")
