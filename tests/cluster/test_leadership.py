# SPDX-License-Identifier: Apache-2.0
"""Two operators for one cluster: one writes, the other takes over; whatever ends the first, it writes nothing late."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.operator_process import OperatorProcess, World, world
from tools.kubectl import Kubectl, until
from tools.node import Node, processes

LEASE = "5"
NEVER = "60"
"""Longer than any wait in these tests: what happens earlier was no expiry."""


class Pair:
    """A world whose operator leads, and a second one that waits."""

    def __init__(self, here: World, second: OperatorProcess) -> None:
        self.here = here
        self.first = here.operator
        self.second = second

    def both(self, names: list[str]) -> None:
        """Apply apps and wait until each has a pod."""
        self.here.kubectl.apply(*(self.here.app(name) for name in names))
        for name in names:
            self.here.until_pod(name)

    def settle(self, name: str) -> None:
        """An app that runs, and nothing left to write about it."""
        here = self.here
        self.both([name])
        here.make_ready(name)
        here.until_condition(name, "Ready", "True", "Available")
        until(lambda: here.kubectl.get("appbudget", here.namespace)["status"]["apps"] == 1, 30, "a counted app")
        until(self.first.idle, 30, "an idle operator")

    def end_of_first(self) -> int:
        until(lambda: self.first.ended() is not None, 60, "the end of the first operator")
        code = self.first.ended()
        assert code is not None
        return code


@contextmanager
def pair(kubectl: Kubectl, node: Node, folder: Path, lease: str) -> Iterator[Pair]:
    with world(kubectl, node, folder / "first.log", GENAPPS_LEASE_SECONDS=lease) as here:
        second = OperatorProcess(
            here.operator.kubeconfig,
            folder / "second.log",
            here.system,
            here.run,
            {"GENAPPS_LEASE_SECONDS": lease},
            identity="second",
        )
        second.launch()
        try:
            until(lambda: second.get("/readyz") == "ok", 60, "the second operator's readiness")
            yield Pair(here, second)
        finally:
            second.kill()
            with suppress(ProcessLookupError):
                here.operator.send(signal.SIGCONT)


@pytest.fixture
def quick(bare: Node, bare_kubectl: Kubectl, tmp_path: Path) -> Iterator[Pair]:
    with pair(bare_kubectl, bare, tmp_path, LEASE) as made:
        yield made


@pytest.fixture
def patient(bare: Node, bare_kubectl: Kubectl, tmp_path: Path) -> Iterator[Pair]:
    with pair(bare_kubectl, bare, tmp_path, NEVER) as made:
        yield made


def test_the_second_operator_knows_all_writes_nothing_and_takes_over_when_the_first_is_stopped(patient: Pair) -> None:
    here, first, second = patient.here, patient.first, patient.second
    patient.both(["a", "b"])
    until(lambda: second.metric("genapps_apps") == 2, 30, "both apps in the second operator's eyes")
    assert not second.leads()
    assert here.writes("second") == []
    assert here.writes("first")
    assert first.stop() == 0
    written = len(here.writes("first"))
    until(second.leads, 30, "the second operator's leadership")
    patient.both(["c"])
    assert len(here.writes("first")) == written
    assert here.writes("second")


def test_after_the_first_was_killed_the_second_finishes_its_work(quick: Pair) -> None:
    names = [f"app-{number}" for number in range(15)]
    quick.here.kubectl.apply(*(quick.here.app(name) for name in names))
    until(lambda: quick.here.writes("first"), 30, "the first writes")
    quick.first.kill()
    until(quick.second.leads, 60, "the second operator's leadership")
    written = quick.here.writes("first")
    for name in names:
        pod = quick.here.until_pod(name)
        record = until(partial(quick.here.record, name), 30, f"a record of {name}")
        assert record is not None
        assert record["pod"]["uid"] == pod["metadata"]["uid"]
    until(quick.second.idle, 60, "an idle operator")
    assert quick.here.writes("first") == written


def test_a_leader_that_stood_still_for_longer_than_its_lease_ends_without_a_write(quick: Pair) -> None:
    here, first = quick.here, quick.first
    quick.settle("before")
    first.send(signal.SIGSTOP)
    written = here.writes("first")
    # Work for both: what the stopped one hears first when it goes on.
    here.kubectl.apply(*(here.app(f"meanwhile-{number}") for number in range(5)))
    until(quick.second.leads, 60, "the second operator's leadership")
    first.send(signal.SIGCONT)
    assert quick.end_of_first() == 1
    assert "lease_lost" in first.log.read_text(encoding="utf-8")
    for number in range(5):
        here.until_pod(f"meanwhile-{number}")
    assert here.writes("first") == written
    first.launch()
    until(lambda: first.get("/readyz") == "ok", 60, "readiness of the first operator's successor")
    assert not first.leads()


def test_an_api_server_that_is_away_for_longer_than_the_lease_ends_the_leader_and_is_waited_for(
    quick: Pair, bare: Node
) -> None:
    here, first, second = quick.here, quick.first, quick.second
    quick.settle("before")
    written = here.writes("first")
    server = processes.process_of(bare, "apiserver")
    assert server is not None
    wrapper = int(Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    server.send(signal.SIGSTOP)
    try:
        assert quick.end_of_first() == 1
        assert second.ended() is None
        assert not second.leads()
        first.identity = "third"
        first.launch()
        until(lambda: "does not answer" in first.get("/readyz"), 60, "what the successor waits for")
    finally:
        server.send(signal.SIGCONT)
        # nsenter, which started it, has stopped along with it, and would stay behind forever.
        os.kill(wrapper, signal.SIGCONT)
    until(lambda: first.leads() or second.leads(), 90, "a leader after the outage")
    assert here.writes("first") == written
    quick.both(["after"])
    assert not (first.leads() and second.leads())
