# SPDX-License-Identifier: Apache-2.0
"""Tenants in a real pod: who is believed, what is withheld from the guest, and whose state a request gets."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genapps_runtime.state.tenant_names import name_file
from tests.runtime.fake_gateway import Authority, FakeGateway
from tests.runtime.harness import Answer, Pod, until
from tests.support.token_issuer import AUDIENCE, CLUSTER, ISSUER, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

APP = """
from genapps import Response, app, state

seen = []  # what other requests of this instance have left

@app.get("/")
async def told(request):
    seen.append(request.query.get("mark", ""))
    return {"word": await state.get("word"), "headers": sorted(request.headers), "seen": seen}

@app.put("/")
async def keep(request):
    await state.put("word", (await request.body()).decode())

@app.put("/sql")
async def sql(request):
    await state.sql("CREATE TABLE IF NOT EXISTS t (word TEXT)")
    await state.sql("INSERT INTO t VALUES (?)", (await request.body()).decode())

@app.get("/sql")
async def rows(request):
    return [list(row) for row in await state.sql("SELECT word FROM t")]

@app.get("/forms/{name}")
async def forms(request, name):
    headers = {"content-type": "text/plain", "cache-control": "public, max-age=600", "vary": "Accept-Language"}
    if name == "pieces":
        return Response(pieces(), headers=headers)
    if name == "raised":
        raise ValueError
    return Response("x" * 2000, headers=headers)

async def pieces():
    yield "a piece"
"""
WEB = "system:serviceaccount:finance:web"
HEADER = {
    "jwt": None, "header": {"name": "X-Tenant", "audience": AUDIENCE, "callers": [WEB]},
    "maxTenants": 20, "forgetSeconds": 0,
}  # fmt: skip
JWT = {
    "jwt": {"issuer": ISSUER, "audience": AUDIENCE, "claim": "org"}, "header": None,
    "maxTenants": 3, "forgetSeconds": 0,
}  # fmt: skip


def now(**claims: Any) -> dict[str, Any]:
    return {"exp": time.time() + 600, "iat": time.time(), **claims}


class Tenants:
    """A pod with tenants, and who calls it."""

    def __init__(self, pod: Pod, issuer: TokenIssuer) -> None:
        self.pod = pod
        self.gateway = pod.gateway
        self.issuer = issuer
        self.web = issuer.token(**now(sub=WEB))

    async def call(self, method: str, tenant: str, path: str = "/", **options: Any) -> Answer:
        """As a trusted caller, for this tenant."""
        headers = {"genapps-caller-token": self.web, "X-Tenant": tenant, **options.pop("headers", {})}
        return await self.pod.call(method, path, headers=headers, **options)

    async def with_token(self, method: str, token: str, path: str = "/", **options: Any) -> Answer:
        return await self.pod.call(method, path, headers={"authorization": f"Bearer {token}"}, **options)

    async def until_served(self, token: str) -> None:
        async with asyncio.timeout(60):
            while True:
                if (await self.with_token("GET", token)).status == 200:
                    return
                await asyncio.sleep(0.05)

    def files(self) -> set[str]:
        """The names of the files of facets."""
        (folder,) = (self.pod.directory / "state").glob("facets-*")
        return {path.name for path in folder.glob("*.sqlite")}


@asynccontextmanager
async def serving_tenants(
    engine: Path,
    directory: Path,
    tenancy: dict[str, Any],
    issuer: TokenIssuer,
    *,
    delivered: bool = True,
    source: str = APP,
    **changes: Any,
) -> AsyncIterator[Tenants]:
    gateway = FakeGateway(Authority.make(), directory)
    gateway.tenant_keys = issuer.delivered() if delivered else None
    await gateway.start()
    pod = Pod(directory / "pod", gateway, engine)
    pod.write(source, tenancy=tenancy, limits={"instances": 2, "statePerTenantBytes": 100_000}, **changes)
    await pod.start()
    try:
        yield Tenants(pod, issuer)
    finally:
        await pod.stop()
        await gateway.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_header(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tenants]:
    async with serving_tenants(engine, tmp_path_factory.mktemp("header"), HEADER, TokenIssuer(CLUSTER)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_token(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tenants]:
    async with serving_tenants(engine, tmp_path_factory.mktemp("token"), JWT, TokenIssuer()) as made:
        yield made


def file_of(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest() + ".sqlite"


LOOK_ALIKE = ["acme", "Acme", "ACME", "acm\u00e9", "acme\u0301", "\u0430cme", "acme.", "ac me", "acme/../other"]


async def test_names_that_look_alike_are_different_tenants(by_header: Tenants) -> None:
    for name in LOOK_ALIKE:
        assert (await by_header.call("PUT", name, data=name)).status == 200
        assert (await by_header.call("PUT", name, "/sql", data=name)).status == 200
    for name in LOOK_ALIKE:
        assert (await by_header.call("GET", name)).json()["word"] == name
        assert (await by_header.call("GET", name, "/sql")).json() == [[name]]
    assert {file_of(name) for name in LOOK_ALIKE} <= by_header.files()


async def test_what_proves_or_names_is_withheld_from_guest_and_log(by_header: Tenants) -> None:
    answer = await by_header.call("GET", "withheld-tenant", headers={"X-Other": "x"})
    assert {"x-other"} <= set(answer.json()["headers"])
    assert not {"x-tenant", "genapps-caller-token"} & set(answer.json()["headers"])
    log = by_header.pod.log_file.read_text()
    assert by_header.web[-40:] not in log
    assert "withheld-tenant" not in log


async def test_an_instance_serves_one_tenant(by_header: Tenants) -> None:
    for _ in range(3):
        for name in ("one", "two", "three"):
            seen = (await by_header.call("GET", name, f"/?mark={name}")).json()["seen"]
            assert set(seen) == {name}


HOSTILE_NAMES = {
    "nothing": b"", "a space": b" ", "the tenant of apps without tenants": b"default",
    "one byte too many": b"x" * 257, "8 KiB": b"x" * 8000, "no UTF-8": b"\xff\xfe", "a tab inside": b"a\tb",
    "a control character": "a\u0085b".encode(), "a zero-width space": "a\u200bb".encode(),
    "text that turns around": "a\u202eb".encode(), "a no-break space at its end": "acme\u00a0".encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
async def test_names_that_no_tenant_can_have(by_header: Tenants, name: bytes) -> None:
    before = by_header.files()
    answer = await raw(by_header, [(b"genapps-caller-token", by_header.web.encode()), (b"x-tenant", name)])
    assert answer[:2] == (400, "TenantInvalid")
    assert by_header.files() == before


async def raw(tenants: Tenants, headers: list[tuple[bytes, bytes]]) -> tuple[int, str]:
    """Status and code of the answer to a request with these headers, byte for byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", tenants.pod.port)
    lines = [b"GET / HTTP/1.1", b"host: a", b"connection: close", *(b"%b: %b" % header for header in headers)]
    writer.write(b"\r\n".join([*lines, b"", b""]))
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    code = body.partition(b'"code":"')[2].partition(b'"')[0].decode()
    return int(head.split()[1]), code


async def test_who_may_not_name_a_tenant(by_header: Tenants) -> None:
    token, name = b"genapps-caller-token", (b"x-tenant", b"acme")
    web = by_header.web.encode()
    other = by_header.issuer.token(**now(sub="system:serviceaccount:finance:batch")).encode()
    elsewhere = by_header.issuer.token(**now(sub="system:serviceaccount:other:web")).encode()
    assert await raw(by_header, [name]) == (401, "TokenInvalid")
    assert await raw(by_header, [(token, web), (token, web), name]) == (401, "TokenInvalid")
    assert await raw(by_header, [(b"authorization", b"Bearer " + web), name]) == (401, "TokenInvalid")
    assert await raw(by_header, [(token, web + b"x"), name]) == (401, "TokenInvalid")
    assert await raw(by_header, [(token, other), name]) == (403, "CallerNotTrusted")
    assert await raw(by_header, [(token, elsewhere), name]) == (403, "CallerNotTrusted")
    assert await raw(by_header, [(token, web)]) == (400, "TenantInvalid")
    assert await raw(by_header, [(token, web), name, (b"x-tenant", b"other")]) == (400, "TenantInvalid")
    assert await raw(by_header, [(b"Genapps-Caller-Token", web), (b"X-TENANT", b"acme")]) == (200, "")
    assert await raw(by_header, [(token, web), name, (b"X_Tenant", b"other")]) == (200, "")


async def test_each_tenant_has_a_quota_of_its_own(by_header: Tenants) -> None:
    for _ in range(2):
        answer = await by_header.call("PUT", "full", data="x" * 120_000)
        assert (answer.status, answer.code) == (507, "StateFull")
    assert (await by_header.call("PUT", "beside", data="x" * 60_000)).status == 200


async def test_more_tenants_than_stay_open_lose_nothing(by_header: Tenants) -> None:
    many = [f"more-{number}" for number in range(20 - len(by_header.files() - {file_of("default")}))]
    answers = await asyncio.gather(*(by_header.call("PUT", name, data=name) for name in many))
    assert {answer.status for answer in answers} == {200}
    refused = await by_header.call("PUT", "one-too-many", data="x")
    assert (refused.status, refused.code) == (507, "TooManyTenants")
    assert file_of("one-too-many") not in by_header.files()
    assert len(many) + len(LOOK_ALIKE) > 10
    for name in [*many, *LOOK_ALIKE, *many]:
        assert (await by_header.call("GET", name)).json()["word"] == name
    assert len(open_facets(by_header.pod)) <= 16


def open_facets(pod: Pod) -> set[str]:
    """The files of facets that the worker has open."""
    links = [link.readlink() for link in Path(f"/proc/{pod.worker()}/fd").iterdir() if link.is_symlink()]
    return {path.name for path in links if path.suffix == ".sqlite"}


async def test_the_claim_of_a_token_is_the_tenant(by_token: Tenants) -> None:
    acme, other = (by_token.issuer.token(**now(org=org)) for org in ("acme", "other"))
    assert (await by_token.with_token("PUT", acme, data="of acme")).status == 200
    assert (await by_token.with_token("GET", other)).json()["word"] is None
    answer = (await by_token.with_token("GET", acme)).json()
    assert answer["word"] == "of acme"
    assert "authorization" not in answer["headers"]
    assert acme[-40:] not in by_token.pod.log_file.read_text()


async def test_a_token_that_proves_nothing_is_refused_with_a_challenge(by_token: Tenants) -> None:
    expired = by_token.issuer.token(org="acme", exp=time.time() - 60)
    foreign = TokenIssuer().token(**now(org="acme"))
    for answer in (
        await by_token.pod.call("GET", "/"),
        await by_token.pod.call("GET", "/", headers={"authorization": "Basic YTpi"}),
        await by_token.with_token("GET", expired),
        await by_token.with_token("GET", foreign),
        await by_token.with_token("GET", "x" * 8193),
        await by_token.call("GET", "acme"),
    ):
        assert (answer.status, answer.code) == (401, "TokenInvalid")
        assert answer.headers["www-authenticate"] == "Bearer"
    unnamed = await by_token.with_token("GET", by_token.issuer.token(**now(org="x" * 257)))
    assert (unnamed.status, unnamed.code) == (400, "TenantInvalid")


async def test_keys_change_without_a_restart(by_token: Tenants) -> None:
    worker = by_token.pod.worker()
    old = by_token.issuer.token(**now(org="acme"))
    assert (await by_token.with_token("GET", old)).status == 200
    by_token.issuer.add("newer")
    del by_token.issuer.keys["es256"]
    new = by_token.issuer.token("newer", **now(org="acme"))
    assert (await by_token.with_token("GET", new)).status == 401
    beats = by_token.gateway.beats
    by_token.gateway.tenant_keys = by_token.issuer.delivered()
    await by_token.until_served(new)
    assert by_token.gateway.beats - beats <= 3, "strangers do not make the pod ask again and again"
    assert (await by_token.with_token("GET", old)).code == "TokenInvalid"
    assert by_token.pod.worker() == worker


async def test_without_keys_nobody_is_let_in_and_nobody_is_blamed(engine: Path, tmp_path: Path) -> None:
    issuer = TokenIssuer()
    async with serving_tenants(engine, tmp_path, JWT, issuer, delivered=False) as tenants:
        token = issuer.token(**now(org="acme"))
        answer = await tenants.with_token("GET", token)
        assert (answer.status, answer.code) == (503, "KeysUnavailable")
        tenants.gateway.tenant_keys = issuer.delivered() | {"issuer": "https://another.example.com"}
        await tenants.pod.until_log("no keys to verify tokens with")
        assert (await tenants.with_token("GET", token)).status == 503
        tenants.gateway.tenant_keys = issuer.delivered()
        await tenants.until_served(token)


async def test_naps_and_ways_back_keep_each_tenants_state_apart(engine: Path, tmp_path: Path) -> None:
    issuer = TokenIssuer(CLUSTER)
    async with serving_tenants(engine, tmp_path, HEADER, issuer) as tenants:
        for name in ("a", "b"):
            await tenants.call("PUT", name, data=f"first of {name}")
        pod = tenants.pod
        await pod.stop()
        limits = {"instances": 2}
        pod.write(APP + "\n# changed", tenancy=HEADER, limits=limits, stateSnapshot=True, time={"napMillis": 200})
        await pod.start()
        await tenants.call("PUT", "a", data="second of a")
        await tenants.call("PUT", "new", data="of the second revision")
        await until(lambda: bool(pod.log("napping")) and not pod.children())
        words = [(await tenants.call("GET", name)).json()["word"] for name in ("a", "b", "new")]
        assert words == ["second of a", "first of b", "of the second revision"]
        await pod.stop()
        pod.write(APP, tenancy=HEADER, limits=limits)
        await pod.start("--restore-state")
        words = [(await tenants.call("GET", name)).json()["word"] for name in ("a", "b", "new")]
        assert words == ["first of a", "first of b", None]


async def test_who_has_not_called_for_long_is_deleted_and_nobody_else(engine: Path, tmp_path: Path) -> None:
    issuer = TokenIssuer(CLUSTER)
    async with serving_tenants(engine, tmp_path, HEADER, issuer) as tenants:
        for name in ("old", "lately", "open"):
            await tenants.call("PUT", name, data=name)
        await tenants.pod.stop()
        (folder,) = (tenants.pod.directory / "state").glob("facets-*")
        os.utime(folder / file_of("default"), (0, 0))
        os.utime(name_file(str(folder / file_of("old"))), (0, 0))
        os.utime(name_file(str(folder / file_of("lately"))), (time.time() - 3000,) * 2)
        limits = {"instances": 2}
        tenants.pod.write(APP, tenancy=HEADER | {"forgetSeconds": 3600}, limits=limits)
        await tenants.pod.start()
        await tenants.pod.until_log("idle tenants deleted")
        assert [line["tenants"] for line in tenants.pod.log("idle tenants deleted")] == [1]
        assert tenants.files() == {file_of(name) for name in ("default", "lately", "open")}
        assert (await tenants.call("GET", "lately")).json()["word"] == "lately"
        assert (await tenants.call("GET", "old")).json()["word"] is None


@pytest.mark.parametrize("name", ["whole", "pieces", "raised"])
async def test_a_cache_on_the_way_is_told_whose_answer_it_has(by_header: Tenants, by_token: Tenants, name: str) -> None:
    token = by_token.issuer.token(**now(org="acme"))
    answers = {
        "x-tenant": await by_header.call("GET", LOOK_ALIKE[0], f"/forms/{name}"),
        "authorization": await by_token.with_token("GET", token, f"/forms/{name}"),
    }
    for chosen_by, answer in answers.items():
        assert answer.status == (500 if name == "raised" else 200)
        said = {one.strip().lower() for one in answer.headers["vary"].split(",")}
        assert said - {"accept-encoding"} == {chosen_by} | (set() if name == "raised" else {"accept-language"})
