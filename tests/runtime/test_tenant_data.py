# SPDX-License-Identifier: Apache-2.0
"""`genapps-runtime state` beside a real pod: what it tells, what it deletes while requests come, and whom it wakes."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.runtime.harness import Pod, until
from tests.runtime.test_tenants import HEADER, Tenants, serving_tenants
from tests.support.token_issuer import CLUSTER, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "hunter2-is-not-in-any-block"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tenants]:
    async with serving_tenants(engine, tmp_path_factory.mktemp("data"), HEADER, TokenIssuer(CLUSTER)) as made:
        yield made


def digest(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()


async def asked(pod: Pod, *words: str) -> list[dict[str, Any]]:
    """The lines of the answer, as somebody gets them who may run commands in the pod."""
    environment = {"PATH": os.environ["PATH"], "GENAPPS_RUNTIME_STATE_SOCKET": pod.state_socket}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "genapps_runtime.main", "state", *words, env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


async def state(pod: Pod, operation: str, tenant: str = "", by: str = "ana@example.com") -> list[dict[str, Any]]:
    return await asked(pod, operation, "finance", "example", digest(tenant) if tenant else "", by)


def everything(pod: Pod) -> bytes:
    """The bytes of all files on the claim."""
    return b"".join(path.read_bytes() for path in (pod.directory / "state").rglob("*") if path.is_file())


async def test_one_tenant_is_exported_and_deleted_and_the_others_stay(tenants: Tenants) -> None:
    for name in ("acme", "globex"):
        await tenants.call("PUT", name, data=f"{SECRET} of {name}")
        await tenants.call("PUT", name, "/sql", data=f"row of {name}", headers={"Idempotency-Key": f"key-{name}"})
    listed = await state(tenants.pod, "list")
    assert listed[-1] == {"end": {"tenants": 3, "more": False}}
    assert {line["tenant"] for line in listed[:-1]} == {digest(name) for name in ("acme", "globex", "default")}
    assert all(line["bytes"] > 0 for line in listed[:-1])

    lines = await state(tenants.pod, "export", "acme")
    assert lines[0]["export"]["tenant"] == digest("acme")
    assert {"key": "word", "value": json.dumps(f"{SECRET} of acme")} in lines
    assert {"row": ["row of acme"]} in lines
    assert [line["response"]["base64"] != "" for line in lines if "mark" in line] == [True]
    assert lines[-1] == {"end": {"lines": {"key": 1, "schema": 1, "table": 1, "row": 1, "mark": 1}}}
    assert "globex" not in json.dumps(lines)

    deleted = await state(tenants.pod, "delete", "acme")
    assert deleted[-1]["end"]["files"] > 0
    assert f"{SECRET} of acme".encode() not in everything(tenants.pod)
    assert (await tenants.call("GET", "globex")).json()["word"] == f"{SECRET} of globex"
    answer = (await tenants.call("GET", "acme")).json()
    assert (answer["word"], answer["seen"]) == (None, [""]), "nor does an instance remember"
    again = await tenants.call("PUT", "acme", "/sql", data="row of acme", headers={"Idempotency-Key": "key-acme"})
    assert (again.status, again.headers.get("idempotent-replayed")) == (200, None)

    said = tenants.pod.log("state operation")
    assert [(line["operation"], line["code"], line["by"]) for line in said] == [
        (operation, "ok", "ana@example.com") for operation in ("list", "export", "delete")
    ]
    assert [line.get("tenantDigest") for line in said] == [None, digest("acme"), digest("acme")]
    assert said[1]["lines"]["row"] == 1
    assert said[2]["bytes"] > 0
    assert SECRET not in json.dumps(said)


async def test_a_deletion_is_whole_while_the_tenant_goes_on_calling(tenants: Tenants) -> None:
    stop, statuses = asyncio.Event(), set[int]()
    begun, ended = [0], [0]

    async def calling() -> None:
        while not stop.is_set():
            begun[0] += 1
            answer = await tenants.call("PUT", "busy", "/sql", data="x")
            statuses.add(answer.status)
            assert answer.status == 200 or answer.code == "Busy"
            ended[0] += answer.status == 200

    callers = [asyncio.create_task(calling()) for _ in range(4)]
    for _ in range(5):
        await until(lambda: ended[0] > 0)
        before = ended[0]
        (answer,) = await state(tenants.pod, "delete", "busy")
        assert answer["end"]["files"] > 0
        under_way = begun[0] - ended[0]
        after, ended[0] = ended[0], 0
    stop.set()
    await asyncio.gather(*callers)
    assert statuses <= {200, 503}
    await tenants.call("PUT", "busy", "/sql", data="x")
    rows = len((await tenants.call("GET", "busy", "/sql")).json())
    # All that were answered after the last deletion, and of those answered while it went on only later ones.
    assert ended[0] + 1 <= rows <= ended[0] + 1 + (after - before) + under_way
    assert [line["end"]["lines"]["row"] for line in await state(tenants.pod, "export", "busy") if "end" in line] == [
        rows
    ]
    await state(tenants.pod, "delete", "busy")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("export", "finance", "example", digest("nobody"), "ana"), "NoSuchTenant"),
        (("delete", "finance", "other", digest("acme"), "ana"), "WrongApp"),
        (("delete", "sales", "example", digest("acme"), "ana"), "WrongApp"),
        (("drop", "finance", "example", digest("acme"), "ana"), "Invalid"),
        (("delete", "finance", "example", "../" + "a" * 61, "ana"), "Invalid"),
        (("delete", "finance", "example", digest("acme").upper(), "ana"), "Invalid"),
        (("delete", "finance", "example", "", "ana"), "Invalid"),
        (("tick", "finance", "example", "nightly", "ana"), "Invalid"),  # of `genapps dev` only
        (("export", "finance", "example", digest("acme"), ""), "Invalid"),
        (("export", "finance", "example", digest("acme"), "a" * 257), "Invalid"),
        (("export", "finance", "example", digest("acme"), "a\x1b[2J"), "Invalid"),
    ],
)
async def test_what_is_not_done_is_told_and_logged(tenants: Tenants, words: tuple[str, ...], code: str) -> None:
    files = tenants.files()
    (*_, last) = await asked(tenants.pod, *words)
    assert last["error"]["code"] == code
    assert tenants.pod.log("state operation")[-1]["code"] == code
    assert tenants.files() == files


async def test_a_napping_app_is_woken_and_the_copy_for_a_way_back_is_deleted_too(engine: Path, tmp_path: Path) -> None:
    async with serving_tenants(engine, tmp_path, HEADER, TokenIssuer(CLUSTER)) as tenants:
        pod, limits = tenants.pod, {"instances": 2}
        await tenants.call("PUT", "acme", data=f"{SECRET} of old")
        await pod.stop()
        source = (pod.directory / "code" / "app.py").read_text()
        pod.write(source + "\n# changed", tenancy=HEADER, limits=limits, stateSnapshot=True, time={"napMillis": 200})
        await pod.start()
        assert len(list((pod.directory / "state").glob("facets-*"))) == 2
        await until(lambda: bool(pod.log("napping")) and not pod.children())
        assert (await state(pod, "export", "acme"))[-1]["end"]["lines"] == {"key": 1}
        assert (await state(pod, "delete", "acme"))[-1]["end"]["files"] >= 2
        assert SECRET.encode() not in everything(pod)
        await pod.stop()
        pod.write(source, tenancy=HEADER, limits=limits)
        await pod.start("--restore-state")
        assert (await tenants.call("GET", "acme")).json()["word"] is None
