# SPDX-License-Identifier: Apache-2.0
"""What a tenant has in the queue of the background is exported and deleted too, also while an entry runs."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from genapps_runtime.guest.engine import Language
from genapps_runtime.state_port.operations import Operations, Place
from tests.runtime.harness import until
from tests.runtime.tenants_world import World
from tests.runtime.test_background_tenants import SOURCE, accept, told, until_ended
from tests.unit.runtime.test_state_operations import Reader, digest

WORD = "a-word-that-only-the-queue-has"


@pytest.fixture
async def world(engine: Path) -> AsyncIterator[World]:
    world = await World(Language(str(engine)), SOURCE, background=True).begin()
    yield world
    await world.close()


async def asked(world: World, operation: str, tenant: str) -> list[dict[str, Any]]:
    place = Place("finance", "words", str(world.directory), ["facets"], False, 60.0, 1024 * 1024)
    operations, reader = Operations(place, world.facets, world.queue), Reader()
    words = "\0".join((operation, "finance", "words", digest(tenant), "ana")).encode()
    await operations.answer(words, cast("Any", reader))
    return reader.lines()


async def test_a_tenants_entries_go_with_the_state_also_the_one_that_runs(world: World) -> None:
    await accept(world, "a", word=WORD)
    await until_ended(world)
    await accept(world, "a", "/wait", WORD)
    await until(lambda: world.app._begun > 0)
    await accept(world, "a", word=WORD)
    await accept(world, "b", word="of b")

    lines = await asked(world, "export", "a")
    entries = [line for line in lines if "background" in line]
    assert [(entry["state"], entry["path"]) for entry in entries] == [
        ("Succeeded", "/add"), ("Running", "/wait"), ("Queued", "/add")
    ]  # fmt: skip
    assert json.loads(base64.b64decode(entries[0]["reply"]["body"]["base64"])) == [WORD]
    assert lines[-1]["end"]["lines"]["background"] == 3

    (deleted,) = await asked(world, "delete", "a")
    assert deleted["end"]["entries"] == 3
    await until_ended(world)
    files = b"".join(path.read_bytes() for path in world.directory.rglob("*") if path.is_file())
    assert WORD.encode() not in files
    assert world.queue.tenants == {"b"}
    assert await told(world, "b", "/words") == ["of b"]
    assert await told(world, "a", "/words") == []
