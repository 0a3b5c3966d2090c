# SPDX-License-Identifier: Apache-2.0
"""`genapps state`: what it asks of the API server and the pod, what it believes of the answer, and what it writes."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import WSMsgType, web
from click.testing import CliRunner, Result

from genapps.api.names import child_name
from genapps.cli.main import main

ANA = "ana@example.com"
ACME = hashlib.sha256(b"acme").hexdigest()
FINE = {"status": "Success"}
POD = f"/api/v1/namespaces/genapps-run/pods/{child_name('finance', 'words')}/exec"
APP = "/apis/genapps.dev/v1alpha1/namespaces/finance/generatedapps/words"


class ApiServer:
    """One that knows who asks, and whose pods print `pages`, one at each exec, and then say `status`."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.errors = b""
        self.status: dict[str, Any] = FINE
        self.refusal: tuple[int, str] | None = None
        self.app: dict[str, Any] | None = None
        self.commands: list[list[str]] = []
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "ApiServer":
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        served = web.Application()
        served.router.add_post("/apis/authentication.k8s.io/v1/selfsubjectreviews", self._review)
        served.router.add_get(POD, self._exec)
        served.router.add_get(APP, self._show)
        runner = web.AppRunner(served)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _review(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": {"userInfo": {"username": ANA}}}, status=201)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response(self.app or {}, status=200 if self.app else 404)

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        if self.refusal is not None:
            return web.json_response({"message": self.refusal[1], "reason": "Because"}, status=self.refusal[0])
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io", "v4.channel.k8s.io"))
        await socket.prepare(request)
        assert request.query.getall("container") == ["runtime"]
        assert "stdin" not in request.query
        self.commands.append(request.query.getall("command"))
        page = self.pages.pop(0)
        for piece in (b"", page[:7], page[7:]):  # a line need not come whole
            await socket.send_bytes(b"\x01" + piece)
        await socket.send_bytes(b"\x02" + self.errors)
        if self.status:
            await socket.send_bytes(b"\x03" + json.dumps(self.status).encode())
        async for message in socket:
            assert message.type is not WSMsgType.BINARY
        return socket


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        yield made


@pytest.fixture
def kubeconfig(server: ApiServer, tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    config = {
        "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def run(kubeconfig: Path) -> Any:
    def run(*words: str, given: str | None = None) -> Result:
        environment = {"KUBECONFIG": str(kubeconfig), "KUBERNETES_SERVICE_HOST": ""}
        found = CliRunner().invoke(main, ["state", *words], env=environment, input=given)
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found

    return run


def lines(*several: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in several)


WORDS = ("words", "-n", "finance")


def test_a_list_is_printed_to_its_last_page(server: ApiServer, run: Any) -> None:
    first = {"tenant": ACME, "name": "ac\x1b[2Jme", "bytes": 4096, "called": 0.5}
    second = {"tenant": hashlib.sha256(b"default").hexdigest(), "name": None, "bytes": 1, "called": 0}
    server.pages = [
        lines(first, {"end": {"tenants": 1, "more": True}}), lines(second, {"end": {"tenants": 1, "more": False}})
    ]  # fmt: skip
    found = run("list", *WORDS)
    assert found.exit_code == 0, found.output
    rows = [line.split() for line in found.output.splitlines()]
    assert rows[1] == [ACME, "4096", "1970-01-01T00:00:00Z", "ac", "[2Jme"]
    assert rows[2][1:] == ["1", "-", "(the", "app", "without", "tenants)"]
    asked = ["genapps-runtime", "state", "list", "finance", "words"]
    assert server.commands == [[*asked, "", ANA], [*asked, ACME, ANA]]


def test_an_export_is_a_file_for_its_user_alone(server: ApiServer, run: Any, tmp_path: Path) -> None:
    server.pages = [lines({"export": {}}, {"key": "k", "value": "1"}, {"end": {"lines": {"key": 1}}})] * 2
    target = tmp_path / "acme.jsonl"
    found = run("export", *WORDS, "acme", "-o", str(target))
    assert (found.exit_code, found.output) == (0, f"{target}: key 1\n")
    assert json.loads(target.read_text().splitlines()[1]) == {"key": "k", "value": "1"}
    assert target.stat().st_mode & 0o777 == 0o600
    assert server.commands[0][2:] == ["export", "finance", "words", ACME, ANA]
    again = run("export", *WORDS, "--digest", ACME, "-o", str(target))
    assert (again.exit_code, "exists" in again.output) == (1, True)
    assert len(server.commands) == 1
    printed = run("export", *WORDS, "--digest", ACME, "-o", "-")
    assert printed.stdout_bytes == target.read_bytes()


@pytest.mark.parametrize(
    ("page", "errors", "status", "said"),
    [
        (lines({"export": {}}, {"key": "k", "value": "1"}), b"", FINE, "cut off"),
        (lines({"export": {}}), b"the app's runtime does not answer", {"status": "Failure"}, "does not answer"),
        (lines({"export": {}}), b"", {"status": "Failure", "message": "exit code 137"}, "exit code 137"),
        (lines({"export": {}}, {"error": {"code": "TooSlow", "message": "try\x1b again"}}), b"", FINE, "try  again"),
        (b"x" * (16 * 1024 * 1024 + 1), b"", FINE, "a line of the answer"),
    ],
    ids=["without an end", "with an error of the command", "killed", "with an error", "with an endless line"],
)
def test_what_is_not_whole_is_no_export(
    server: ApiServer, run: Any, tmp_path: Path, page: bytes, errors: bytes, status: dict[str, Any], said: str
) -> None:
    server.pages, server.errors, server.status = [page], errors, status
    found = run("export", *WORDS, "acme", "-o", str(tmp_path / "acme.jsonl"))
    assert found.exit_code == 1
    assert said in found.output
    assert [path.name for path in tmp_path.iterdir()] == ["kubeconfig"]


def test_a_deletion_is_confirmed_and_told(server: ApiServer, run: Any) -> None:
    server.pages = [
        lines({"end": {"files": 2, "bytes": 8192, "entries": 1}}),
        lines({"end": {"files": 0, "bytes": 0, "entries": 0}}),
    ]
    refused = run("delete", *WORDS, "acme", given="n\n")
    assert (refused.exit_code, server.commands) == (1, [])
    found = run("delete", *WORDS, "acme", given="y\n")
    assert found.output.endswith("deleted 2 files with 8192 bytes, 1 entries of the queue\n")
    assert server.commands[0][2:] == ["delete", "finance", "words", ACME, ANA]
    assert "no data" in run("delete", *WORDS, "acme", "--yes").output


def test_a_refusal_is_told_with_its_reason(server: ApiServer, run: Any) -> None:
    server.refusal = 403, "policy denied request: is for the pods of generated apps"
    found = run("list", *WORDS)
    assert found.exit_code == 1
    assert "is for the pods of generated apps" in found.output
    assert "genapps-state" in found.output
    server.refusal = 500, "container not found"
    assert run("list", *WORDS).exit_code == 2


def test_without_a_pod_it_says_what_can_be_done(server: ApiServer, run: Any) -> None:
    server.refusal = 404, "pods not found"
    assert "there is no app finance/words; purge" in run("list", *WORDS).output
    ready = {"type": "Ready", "status": "False", "reason": "Suspended", "message": "by the author"}
    server.app = {"status": {"conditions": [ready]}}
    found = run("delete", *WORDS, "acme", "--yes")
    assert found.exit_code == 1
    for part in ("Suspended: by the author", "--run-namespace", "let it run", "purge its AppRecord"):
        assert part in found.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the tenant"),
        (("acme", "--digest", ACME), "name the tenant"),
        (("--digest", ACME.upper()), "64 hexadecimal digits"),
        (("--digest", ACME + "0"), "64 hexadecimal digits"),
        (("",), "1 to 256 bytes"),
        (("é" * 128 + "x",), "1 to 256 bytes"),
        ((" acme",), "no spaces around it"),
        (("ac\u202eme",), "do not print"),
        (("ac\nme",), "do not print"),
        (("\udcff",), "UTF-8"),
    ],
)
def test_who_can_be_no_tenant_is_refused_before_anything_is_asked(
    server: ApiServer, run: Any, words: tuple[str, ...], said: str
) -> None:
    found = run("delete", *WORDS, *words, "--yes")
    assert found.exit_code == 2
    assert said in found.output
    assert server.commands == []


def test_the_digest_of_a_name_is_that_of_its_files(run: Any) -> None:
    assert run("digest", "acme").output == ACME + "\n"
    assert run("digest", "é" * 128).exit_code == 0
