# SPDX-License-Identifier: Apache-2.0
"""State and outside after every history of requests, kills and a broken outside: as callers were told."""

import asyncio
import os
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.harness import until
from tests.runtime.journalled_app import CALLS, SOURCE
from tests.runtime.keyed_world import Sent
from tests.runtime.outside_world import BEHAVIOURS, Connector, Process
from tests.runtime.telling_language import TellingLanguage

HISTORIES = int(os.environ.get("GENAPPS_HISTORIES", "20"))
REQUESTS = st.tuples(st.sampled_from(list(CALLS)), st.sampled_from(["keyed", "plain"]), st.sampled_from("ab"))
LIVES = st.lists(
    st.tuples(
        st.integers(1, 16),
        st.lists(REQUESTS, min_size=1, max_size=4),
        st.lists(st.sampled_from(BEHAVIOURS), max_size=6),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=3,
)
"""When the process is killed, what it is asked for, how the outside behaves, and how many turns of the loop pass
between two requests."""


class History:
    """Requests over several lives of a process, and what callers were told."""

    def __init__(self, language: TellingLanguage, folder: Path) -> None:
        self.language = language
        self.folder = folder
        self.connector = Connector()
        self.directory = folder / "0"
        self.answers: dict[str, object] = {}
        self.asked: set[str] = set()

    def process(self, kill_at: int = 0) -> Process:
        return Process(self.language, self.directory, SOURCE, self.connector, kill_at)

    async def live(self, number: int, life: tuple[int, list[tuple[str, str, str]], list[str], int]) -> None:
        kill_at, requests, behaviours, turns = life
        self.connector.next = deque(behaviours)
        process = self.process(kill_at)
        sent: list[Sent] = []
        for kind, tool, name in requests:
            path = f"/{kind}/{tool}/{kind}-{name}"
            self.asked.add(path)
            sent.append(process.world.send(path, name))
            for _ in range(turns):
                await asyncio.sleep(0)
        await until(lambda: not process.alive or all(one.reply is not None for one in sent))
        if process.alive:
            for one in sent:
                self.told(one)
            self.connector.next.clear()
        await process.world.close()
        if not process.alive:
            self.directory = process.image.rename(self.folder / str(number))

    def told(self, sent: Sent) -> None:
        path = sent.exchange.request.path
        if sent.status == 200:
            assert self.answers.setdefault(path, sent.body) == sent.body

    async def end(self) -> None:
        """Ask until all is settled, and compare state and outside with what was told."""
        self.connector.next.clear()
        process = self.process()
        world, unknown = process.world, set()
        for path in sorted(self.asked):
            for _ in range(5):
                sent = await world.call(path, path[-1])
                self.told(sent)
                if sent.status == 200 or sent.code == "OutcomeUnknown":
                    break
            else:
                raise AssertionError(f"{path} does not come to an end: {sent.code}")
            _, kind, tool, name = path.split("/")
            done = [self.connector.effects[tool + end, name] for end in ("", "-2")[: CALLS[kind]]]
            if sent.status == 200:
                assert done == [1] * CALLS[kind], path
            else:
                assert tool == "plain"
                assert max(done) <= 1, path
                unknown.add(path)
        names = sorted(path.rpartition("/")[2] for path in self.asked - unknown)
        assert (await world.call("/t", method="GET")).body == names
        await world.close()


@settings(max_examples=HISTORIES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LIVES)
def test_state_and_outside_are_as_callers_were_told_whatever_is_killed(
    telling_language: TellingLanguage, lives: list[tuple[int, list[tuple[str, str, str]], list[str], int]]
) -> None:
    async def run(folder: Path) -> None:
        history = History(telling_language, folder)
        for number, life in enumerate(lives, 1):
            await history.live(number, life)
        await history.end()

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
