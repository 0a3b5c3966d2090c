# SPDX-License-Identifier: Apache-2.0
"""A gateway and a pod for each test; the engine is built once."""

import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.listening import listening_socket
from genapps_runtime.serve.limits import HttpLimits
from tests.runtime.call_sync_world import SOURCE, Worlds
from tests.runtime.fake_gateway import Authority, FakeGateway
from tests.runtime.harness import Pod
from tests.runtime.lanes_world import LanesWorld
from tests.runtime.scripted_gateway import ScriptedGateway
from tests.runtime.streaming_world import Serving, World
from tests.runtime.telling_language import TellingLanguage
from tools import engines


@pytest.fixture(scope="session")
def engine() -> Path:
    return engines.precompiled()


@pytest.fixture(scope="session")
def javascript_engine() -> Path:
    return engines.precompiled("javascript")


@pytest.fixture(scope="module")
def loaded_telling_language(engine: Path) -> TellingLanguage:
    return TellingLanguage(str(engine))


@pytest.fixture
def telling_language(loaded_telling_language: TellingLanguage) -> TellingLanguage:
    loaded_telling_language.told = 0
    return loaded_telling_language


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
async def gateway(authority: Authority, tmp_path: Path) -> AsyncIterator[FakeGateway]:
    directory = tmp_path / "gateway-server"
    directory.mkdir()
    gateway = FakeGateway(authority, directory)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def pod(gateway: FakeGateway, engine: Path, tmp_path: Path) -> AsyncIterator[Pod]:
    pod = Pod(tmp_path / "pod", gateway, engine)
    yield pod
    if pod.process is not None:
        await pod.stop()


@pytest.fixture
def called() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture
async def worlds(
    loaded_telling_language: TellingLanguage, called: ScriptedGateway, tmp_path: Path
) -> AsyncIterator[Worlds]:
    """Makes apps whose tools `called` answers; at the end nothing is kept of their answers."""
    made: list[LanesWorld] = []

    def make(source: str = SOURCE, *, fresh: bool = False, **changes: Any) -> LanesWorld:
        made.append(LanesWorld(loaded_telling_language, tmp_path, source, fresh=fresh, gateway=called, **changes))
        return made[-1]

    loaded_telling_language.told = 0
    yield make
    for world in made:
        assert world.context.recorded.held == 0
        await world.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def serving(telling_language: TellingLanguage, tmp_path: Path) -> Serving:
    @contextlib.asynccontextmanager
    async def serve(source: str, http: HttpLimits | None = None, **changes: Any) -> AsyncIterator[World]:
        world = World(telling_language, tmp_path, source, http or HttpLimits(2**20), **changes)
        with listening_socket("127.0.0.1", 0) as port:
            world.open(port)
            try:
                yield world
            finally:
                await world.close()

    return serve
