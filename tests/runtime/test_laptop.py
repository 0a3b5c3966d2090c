# SPDX-License-Identifier: Apache-2.0
"""`genapps dev` with the real runtime: it serves, serves anew after a change, and keeps what works."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.runtime.component.scripted import app as component
from tests.runtime.fake_gateway import DEADLINE_SECONDS
from tests.runtime.harness import Answer, free_port, request, until

APP = """
from genapps import ToolError, app, state, tools

VERSION = {version}


@app.get("/count")
async def count(request):
    number = await state.get("n", 0) + 1
    await state.put("n", number)
    return {{"n": number, "version": VERSION}}


@app.get("/rate/{{currency}}")
async def rate(request, currency):
    try:
        return await tools.call("rates", "latest", currency=currency)
    except ToolError as error:
        return {{"code": error.code, "class": error.cls}}
"""
PROGRAM = Path(sys.executable).with_name("genapps")
CLOCKED = """
  schedules: [{name: nightly, cron: "0 0 1 1 *", path: /report}]
  fallback: {export: true}
"""
FALLBACKS = {
    "python": """
from genapps import app, state


@app.post("/report")
async def report(request):
    await state.put("by", request.headers["genapps-schedule"])


@app.get("/by")
async def by(request):
    return bytearray(2**30)


@app.fallback
async def instead(request):
    return {"by": await state.get("by")}
""",
    "javascript": """
export default {
  fetch: () => new Response(new Uint8Array(2 ** 30)),
  scheduled: (controller, env) => env.STATE.put("by", controller.cron),
  fallback: async (request, env) => Response.json({ by: await env.STATE.get("by") }),
};
""",
}
STUBS = "connectors: {rates: {latest: {cases: [{arguments: {currency: EUR}, result: {rate: 1.08}}]}}}\n"


class Laptop:
    """The command, and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port
        self.said = ""
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.readline():
            async with self._more:
                self.said += data.decode()
                self._more.notify_all()

    async def until_said(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self._more:
            await self._more.wait_for(lambda: self.said.count(text) >= times)

    async def get(self, path: str) -> Answer:
        return await request("GET", f"http://127.0.0.1:{self.port}{path}")

    async def end(self, number: int = signal.SIGINT) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), DEADLINE_SECONDS)
        await self._reading
        return code


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "counter"
    folder.mkdir()
    write(folder, 1)
    (tmp_path / "stubs.yaml").write_text(STUBS)
    return folder


def write(folder: Path, version: int) -> None:
    (folder / "app.py").write_text(APP.format(version=version))


def move(folder: Path, to: Path) -> Path:
    return folder.rename(to)


@asynccontextmanager
async def laptop(engine: Path, path: Path, *options: str) -> AsyncIterator[Laptop]:
    port = await free_port()
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "dev", str(path), "--port", str(port), "--engine", str(engine), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    made = Laptop(process, port)
    try:
        await made.until_said("http://")
        yield made
    finally:
        await made.end()


async def test_an_app_is_served_and_served_anew_and_keeps_its_state(engine: Path, project: Path) -> None:
    stubs = project.parent / "stubs.yaml"
    async with laptop(engine, project, "--connectors", str(stubs)) as running:
        assert (await running.get("/count")).json() == {"n": 1, "version": 1}
        assert (await running.get("/rate/EUR")).json() == {"rate": 1.08}
        assert (await running.get("/rate/USD")).json() == {"code": "UpstreamFailed", "class": "limit"}
        write(project, 2)
        await running.until_said("changed: app.py; serving")
        assert (await running.get("/count")).json() == {"n": 2, "version": 2}

        (project / "app.py").write_text("import requests\n")  # refused before anything is stopped
        await running.until_said("the code of before goes on")
        assert re.search(r"error .*app\.py:1: ModuleNotAvailable: .*requests", running.said)
        (project / "app.py").write_text("\n1/0\n")  # refused by the runtime
        await running.until_said("the code of before goes on", 2)
        assert "error CodeRejected: app.py, line 2: ZeroDivisionError" in running.said
        assert (await running.get("/count")).json() == {"n": 3, "version": 2}

        stubs.write_text(STUBS.replace("1.08", "2"))
        write(project, 3)
        await running.until_said("serving after", 3)
        assert (await running.get("/rate/EUR")).json() == {"rate": 2}
        assert await running.end() == 0
        assert "GET /count 200" in running.said
    async with laptop(engine, project) as again:
        assert (await again.get("/count")).json() == {"n": 4, "version": 3}
        assert (await again.get("/rate/EUR")).json() == {"code": "ConnectorNotInEnvelope", "class": "violation"}
        await again.until_said("gateway: ConnectorNotInEnvelope")


async def test_code_that_does_not_load_is_told_to_callers_until_it_does(engine: Path, project: Path) -> None:
    (project / "app.py").write_text("def f(:\n")
    async with laptop(engine, project) as running:
        await running.until_said("error ")
        answer = await running.get("/count")
        assert (answer.status, answer.code) == (503, "AppUnavailable")
        assert "app.py:1: CodeRejected" in answer.json()["detail"]
        away = move(project, project.with_name("away"))
        await running.until_said("No such file")
        move(away, project)
        write(project, 5)
        await running.until_said("serving after")
        assert (await running.get("/count")).json()["version"] == 5


async def test_a_file_that_changes_all_the_time_is_read_in_its_last_form(engine: Path, project: Path) -> None:
    async with laptop(engine, project) as running:
        await running.get("/count")
        for version in range(2, 60):
            write(project, version)
            await asyncio.sleep(0.01)
        answer = await running.get("/count")
        while answer.json()["version"] != 59:  # the last of them is always read: ends by the test's own limit
            await running.until_said("serving after", running.said.count("serving after") + 1)
            answer = await running.get("/count")
        assert running.said.count("changed: app.py") < 30


def spares(laptop_process: int) -> list[int]:
    """Processes of the runtime that wait for the next change: they have made no worker."""
    return [child for child in children(laptop_process) if not children(child)]


def children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:  # it has ended
        return []


def left_in(folder: Path) -> list[str]:
    """What stands there for each process that was told to serve."""
    return [one.name for one in folder.glob("genapps-*/[0-9]*")]


async def test_a_process_in_advance_that_was_killed_is_made_up_for_and_old_files_are_removed(
    engine: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with laptop(engine, project) as running:
        await running.until_said("serving")
        await until(lambda: len(spares(running.process.pid)) == 1)
        (spare,) = spares(running.process.pid)
        os.kill(spare, signal.SIGKILL)
        await until(lambda: not Path(f"/proc/{spare}").exists())
        write(project, 2)
        await running.until_said("changed: app.py")
        assert (await running.get("/count")).json() == {"n": 1, "version": 2}
        assert "error" not in running.said
        assert left_in(tmp_path) == ["2"]


async def run(*arguments: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize("language", list(FALLBACKS))
async def test_a_schedule_runs_when_somebody_asks_and_a_fallback_answers(
    language: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    engine = request.getfixturevalue("engine" if language == "python" else "javascript_engine")
    folder = tmp_path / "clocked"
    assert (await run("new", folder, "--language", language))[0] == 0
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text() + CLOCKED)
    (file,) = (folder / "app").iterdir()
    file.write_text(FALLBACKS[language])
    assert "no genapps dev serves this app" in (await run("tick", folder, "nightly"))[1]
    async with laptop(engine, folder) as running:
        await running.until_said("serving")
        assert f"now: genapps tick {folder} nightly" in running.said
        assert await run("tick", folder, "nightly") == (0, f"nightly: {204 if language == 'javascript' else 200}\n")
        code, said = await run("tick", folder, "weekly")
        assert code == 1
        assert "no schedule 'weekly' (it has: nightly)" in said
        assert (await running.get("/by")).json() == {"by": "nightly"}
        await running.until_said("(fallback export)")
        assert "POST /report" in running.said


async def test_an_app_in_javascript_and_one_that_is_a_component_are_served(
    javascript_engine: Path, project: Path, tmp_path: Path
) -> None:
    (project / "app.py").rename(tmp_path / "app.py")
    (project / "app.js").write_text("export default { fetch: (request) => new Response('from JavaScript') };\n")
    async with laptop(javascript_engine, project) as running:
        assert (await running.get("/")).body == b"from JavaScript"
        (project / "app.js").unlink()
        (project / "app.wasm").write_bytes(component({"/": "200\0[]\0\0from a component"}))
        await running.until_said("serving after", 2)
        assert (await running.get("/")).body == b"from a component"
