# SPDX-License-Identifier: Apache-2.0
"""Images are pulled in the background: nobody waits, and nobody is forgotten."""

import asyncio

from genapps.api.reasons import Reason
from genapps.controller.cache.keys import AppKey
from genapps.controller.code.image_pulls import ImagePulls
from genapps.core.observed import SourceProblem
from genapps.registry.artifact import Artifact, PullError, Reference

ONE, TWO = AppKey("team", "one"), AppKey("team", "two")
GOT = Artifact(None, {"app.py": b""})


def reference(name: str = "app", host: str = "registry.example") -> str:
    return f"{host}/{name}@sha256:{'a' * 64}"


class Registry:
    """Pulls end when a test lets them, with what it says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.slept: list[float] = []
        self.woken: list[AppKey] = []
        self.answers: dict[str, asyncio.Future[Artifact]] = {}
        self.rests: asyncio.Queue[asyncio.Event] = asyncio.Queue()
        self.pulls = ImagePulls(self.pull, self.woken.append, self.sleep)

    async def pull(self, wanted: Reference) -> Artifact:
        name = f"{wanted.host}/{wanted.repository}"
        self.asked.append(name)
        self.answers[name] = asyncio.get_running_loop().create_future()
        return await self.answers[name]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        event = asyncio.Event()
        await self.rests.put(event)
        await event.wait()

    async def answer(self, name: str, outcome: Artifact | Exception) -> None:
        await self.idle()
        if isinstance(outcome, Artifact):
            self.answers[name].set_result(outcome)
        else:
            self.answers[name].set_exception(outcome)
        await self.idle()

    async def rested(self) -> None:
        (await self.rests.get()).set()
        await self.idle()

    @staticmethod
    async def idle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


def problem(found: Artifact | SourceProblem) -> Reason | None:
    return found.reason if isinstance(found, SourceProblem) else None


async def test_who_asks_goes_on_and_is_woken_when_it_is_there() -> None:
    registry = Registry()
    assert [problem(registry.pulls.get(reference(), key)) for key in (ONE, TWO, ONE)] == [Reason.SOURCE_PENDING] * 3
    await registry.answer("registry.example/app", GOT)
    assert sorted(registry.woken) == [ONE, TWO]
    assert registry.pulls.get(reference(), ONE) is GOT
    assert len(registry.asked) == 1


async def test_a_failure_is_told_and_tried_again_after_growing_pauses() -> None:
    registry = Registry()
    registry.pulls.get(reference(), ONE)
    for number in range(1, 4):
        await registry.answer("registry.example/app", PullError(Reason.SOURCE_UNAVAILABLE, "it does not answer"))
        assert registry.woken == [ONE] * number
        found = registry.pulls.get(reference(), ONE)
        assert isinstance(found, SourceProblem)
        assert found == SourceProblem(Reason.SOURCE_UNAVAILABLE, "Image registry.example/app: it does not answer.")
        assert len(registry.asked) == number, "no attempt before the pause is over"
        await registry.rested()
    assert registry.slept[0] < registry.slept[1] < registry.slept[2] < 300
    await registry.answer("registry.example/app", GOT)
    assert registry.pulls.get(reference(), ONE) is GOT


async def test_what_nobody_asks_for_any_more_is_given_up() -> None:
    registry = Registry()
    registry.pulls.get(reference(), ONE)
    await registry.answer("registry.example/app", PullError(Reason.SOURCE_NOT_FOUND, "no"))
    await registry.rested()
    assert len(registry.asked) == 1
    assert registry.pulls._attempts == {}
    assert registry.pulls._tasks == set()


async def test_a_dead_registry_delays_no_other() -> None:
    registry = Registry()
    for number in range(5):
        registry.pulls.get(reference(f"app{number}", "dead.example"), ONE)
    await registry.idle()
    assert len(registry.asked) == 2
    registry.pulls.get(reference(), TWO)
    await registry.answer("registry.example/app", GOT)
    assert registry.pulls.get(reference(), TWO) is GOT
    registry.pulls.close()
    await registry.idle()
    assert registry.pulls._tasks == set()


async def test_a_mistake_of_ours_is_no_endless_loop() -> None:
    registry = Registry()
    registry.pulls.get(reference(), ONE)
    await registry.answer("registry.example/app", ValueError("unexpected"))
    assert problem(registry.pulls.get(reference(), ONE)) is Reason.SOURCE_UNAVAILABLE
    assert problem(registry.pulls.get("no reference", TWO)) is Reason.SOURCE_PENDING
    await registry.idle()
    assert problem(registry.pulls.get("no reference", TWO)) is Reason.SOURCE_UNAVAILABLE
    assert len(registry.slept) == 2
    registry.pulls.close()
    await registry.idle()
