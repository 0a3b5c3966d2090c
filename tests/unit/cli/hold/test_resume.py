# SPDX-License-Identifier: Apache-2.0
"""`genapps resume --hold`: what it acknowledges, in which order, and when it stops."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from genapps.cli.hold.resuming import Batches, Pace, Resuming, StoppedError
from genapps.cluster.client import Client
from genapps.cluster.connection import Connection, FixedToken
from tests.unit.cli.hold.cluster import (
    ID,
    LIFTED,
    READY,
    Cluster,
    Pass,
    acknowledging,
    app,
    judged,
    served,
    suspended,
)

RESUME = ("resume", "--hold", "stop")
STARTING = judged(("Ready", "False", "PodStarting"))


@dataclass
class Time:
    """A clock that goes on while somebody sleeps; `meanwhile` is called with the seconds that have passed."""

    meanwhile: Callable[[float], None] = lambda _: None
    now: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile(self.now)

    @property
    def pace(self) -> Pace:
        return Pace(lambda: self.now, self.sleep)


async def resume(cluster: Cluster, time: Time, size: int = 5, seconds: float = 60) -> tuple[Resuming, list[str], str]:
    """What is left, the lines, and why it stopped."""
    lines: list[str] = []
    connection = Connection(f"http://127.0.0.1:{cluster.port}", None, FixedToken("t"))
    async with Client(connection, "genapps-tests") as client:
        resuming = Resuming(client, "stop", Batches(size, seconds), time.pace, lines.append)
        try:
            await resuming.run(None)
        except StoppedError as error:
            return resuming, lines, str(error)
    return resuming, lines, ""


async def test_what_the_hold_suspended_is_acknowledged_and_nothing_else(tmp_path: Path) -> None:
    apps = [
        suspended("b"),
        suspended("a"),
        app("runs"),
        suspended("by-other", hold="other"),
        app("violations", {"status.suspension": {"id": ID, "reason": "RepeatedViolations"}}),
    ]
    async with served(Cluster(apps)) as cluster:
        found = await cluster.run(tmp_path, *RESUME)
        again = await cluster.run(tmp_path, *RESUME)
    assert cluster.writes == [("a", ID), ("b", ID)]
    assert not cluster.listed_from_cache  # it may not know yet that the hold is lifted
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.splitlines() == ["finance/a: resumed", "finance/b: resumed", "2 resumed, 0 left."]
    assert again.stdout.splitlines() == ["no app is suspended by AppHold stop", "0 resumed, 0 left."]


async def test_what_a_hold_in_force_matches_is_named_and_left(tmp_path: Path) -> None:
    async with served(Cluster([suspended("a", holds=["other", "stop"]), suspended("b")])) as cluster:
        found = await cluster.run(tmp_path, *RESUME)
    assert cluster.writes == [("b", ID)]
    assert found.exit_code == 1
    assert "finance/a: left, AppHold other, stop is in force and matches it" in found.stdout
    assert "1 resumed, 1 left." in found.stdout


async def test_one_namespace_alone(tmp_path: Path) -> None:
    async with served(Cluster([suspended("a"), suspended("b", {"metadata.namespace": "sales"})])) as cluster:
        found = await cluster.run(tmp_path, *RESUME, "-n", "sales")
    assert (found.exit_code, cluster.writes) == (0, [("b", ID)])


async def test_a_batch_begins_when_the_one_before_is_ready() -> None:
    cluster = Cluster([suspended(name) for name in "abcde"], passes=dict.fromkeys("abcde", STARTING))
    seen: list[str] = []

    def meanwhile(passed: float) -> None:
        seen.append("".join(name for name, _ in cluster.writes))
        if passed in {2, 4, 6}:
            for name, _ in cluster.writes:
                READY(cluster.named(name))

    async with served(cluster):
        resuming, _, stopped = await resume(cluster, Time(meanwhile), size=2)
    assert (resuming.resumed, resuming.left, stopped) == (5, 0, "")
    assert seen == ["ab", "ab", "abcd", "abcd", "abcde", "abcde"]


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (STARTING, "not ready in time (PodStarting: It is PodStarting.\\u{1b})"),
        (judged(("Ready", "False", "CodeInvalid"), ("Stalled", "True", "CodeInvalid")), "not ready (CodeInvalid: "),
        (judged(("Ready", "False", "Held"), suspension=LIFTED), "not ready (Held: "),
        (lambda _: None, "not ready in time (Held: "),
    ],
    ids=["still starting", "stalled", "suspended still", "not seen by the operator"],
)
async def test_nothing_more_starts_when_one_is_not_ready(after: Pass, said: str) -> None:
    async with served(Cluster([suspended(name) for name in "abc"], passes={"a": after})) as cluster:
        time = Time()
        resuming, lines, stopped = await resume(cluster, time, size=2, seconds=10)
    assert [name for name, _ in cluster.writes] == ["a", "b"]
    assert (resuming.resumed, resuming.left) == (1, 2)
    assert any(said in line for line in lines), lines
    assert "1 of this batch is not ready" in stopped
    assert time.now <= 10


@pytest.mark.parametrize("status", [403, 409, 422])
async def test_a_refusal_stops_and_what_was_started_is_told(tmp_path: Path, status: int) -> None:
    async with served(Cluster([suspended(name) for name in "abc"], refusals={"b": status})) as cluster:
        found = await cluster.run(tmp_path, *RESUME)
    assert [name for name, _ in cluster.writes] == ["a", "b"]
    assert (found.exit_code, found.stdout) == (1, "finance/a: resumed\n1 resumed, 2 left.\n")
    assert "stopped: finance/b: refused: no,\\u{1b} because" in found.stderr


async def test_an_id_that_has_no_effect_is_cleared_and_the_operator_awaited() -> None:
    cluster = Cluster([suspended("a", {"spec.acknowledgedSuspension": ID})], passes={"a": lambda _: None})

    def meanwhile(passed: float) -> None:
        assert [value for _, value in cluster.writes] == [""]
        if passed == 3:
            cluster.passes["a"] = acknowledging
            acknowledging(cluster.named("a"))

    async with served(cluster):
        resuming, _, stopped = await resume(cluster, Time(meanwhile))
    assert [value for _, value in cluster.writes] == ["", ID]
    assert (resuming.resumed, stopped) == (1, "")


async def test_a_field_that_the_operator_never_sees_cleared_stops() -> None:
    cluster = Cluster([suspended("a", {"spec.acknowledgedSuspension": ID})], passes={"a": lambda _: None})
    async with served(cluster):
        resuming, _, stopped = await resume(cluster, Time(), seconds=5)
    assert [value for _, value in cluster.writes] == [""]
    assert (resuming.left, "has not seen in time" in stopped) == (1, True)


async def test_what_ended_while_the_field_was_cleared_is_not_acknowledged_again() -> None:
    async with served(Cluster([suspended("a", {"spec.acknowledgedSuspension": ID})], passes={"a": READY})) as cluster:
        resuming, _, stopped = await resume(cluster, Time())
    assert [value for _, value in cluster.writes] == [""]
    assert (resuming.resumed, stopped) == (1, "")


async def test_an_app_that_changed_since_it_was_listed_is_looked_at_again() -> None:
    cluster = Cluster([suspended("a"), suspended("b"), suspended("c")])

    def change(look: int) -> None:
        if look == 1:
            cluster.apps.remove(cluster.named("a"))
            READY(cluster.named("b"))

    cluster.on_look = change
    async with served(cluster):
        resuming, lines, stopped = await resume(cluster, Time())
    assert [name for name, _ in cluster.writes] == ["c"]
    assert (resuming.resumed, resuming.left, stopped) == (1, 0, "")
    assert lines[:2] == ["finance/a: was deleted meanwhile", "finance/b: is not suspended by AppHold stop any more"]


@pytest.mark.parametrize("acknowledged", ["", ID])
async def test_an_app_that_is_deleted_under_way_holds_nobody_up(acknowledged: str) -> None:
    cluster = Cluster([suspended("a", {"spec.acknowledgedSuspension": acknowledged}), suspended("b")])
    cluster.passes["a"] = cluster.apps.remove
    async with served(cluster):
        resuming, lines, stopped = await resume(cluster, Time())
    assert (resuming.resumed, resuming.left, stopped) == (1, 0, "")
    assert "finance/a: was deleted meanwhile" in lines


async def test_an_app_that_its_author_stopped_counts_as_resumed() -> None:
    stopped_by_author = judged(
        ("Ready", "False", "Requested"), ("Suspended", "True", "Requested"), ("Stalled", "True", "Requested")
    )
    cluster = Cluster([suspended("a"), suspended("b")], passes={"a": stopped_by_author})
    async with served(cluster):
        resuming, lines, stopped = await resume(cluster, Time(), size=1)
    assert (resuming.resumed, stopped) == (2, "")
    assert lines[0] == "finance/a: resumed and stays stopped by spec.operatingMode"


@pytest.mark.parametrize(
    "words", [("resume",), (*RESUME, "--batch", "0"), (*RESUME, "--batch", "101"), (*RESUME, "--timeout", "0")]
)
async def test_wrong_usage_asks_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    async with served(Cluster()) as cluster:
        found = await cluster.run(tmp_path, *words)
    assert (found.exit_code, cluster.asked) == (2, [])


async def test_a_cluster_that_cannot_be_read_is_exit_code_2(tmp_path: Path) -> None:
    async with served(Cluster(listing_status=403)) as cluster:
        found = await cluster.run(tmp_path, *RESUME)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "genapps resume: 403" in found.stderr
