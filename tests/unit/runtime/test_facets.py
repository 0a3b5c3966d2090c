# SPDX-License-Identifier: Apache-2.0
"""Which facets are open, and how many there are."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.state.facet import DEFAULT_TENANT, Facet
from genapps_runtime.state.facet_files import path_of
from genapps_runtime.state.facets import Facets, FacetsBusyError, Many, TooManyTenantsError, UnknownTenantError
from genapps_runtime.state.tenant_names import Known, last_call, name_file, name_of
from genapps_runtime.state.transaction import Commit


@pytest.fixture
async def facets(tmp_path: Path) -> AsyncIterator[Facets]:
    made = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, open=2))
    yield made
    await made.close()


async def opened(facets: Facets, tenant: str, *, called: bool = True) -> Facet | Exception:
    found: asyncio.Future[Facet | Exception] = asyncio.get_running_loop().create_future()
    facets.open(tenant, found.set_result, called=called)
    return await found


async def facet(facets: Facets, tenant: str) -> Facet:
    found = await opened(facets, tenant)
    assert isinstance(found, Facet), found
    return found


async def test_the_one_that_nobody_has_asked_for_longest_is_closed(facets: Facets) -> None:
    closed: list[str] = []
    facets.on_closed = closed.append
    first, _ = await facet(facets, "a"), await facet(facets, "b")
    assert facets.find("a") is first
    await facet(facets, "c")
    assert closed == ["b"]
    assert facets.find("b") is None
    assert facets.find("a") is first


async def test_what_is_being_opened_at_a_stop_is_closed_and_who_waits_is_told(tmp_path: Path) -> None:
    facets = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, open=4))
    first = await facet(facets, "a")
    stored = asyncio.Event()
    first.commit([Commit(None, [("k", "1")])], lambda _: stored.set())  # what `close` waits for
    others = [asyncio.create_task(opened(facets, tenant)) for tenant in ("b", "c", "d")]
    for _ in range(2):  # they ask, and the first is being opened
        await asyncio.sleep(0)
    assert facets._turn.locked()
    await facets.close()
    assert stored.is_set()
    assert [type(one) for one in await asyncio.gather(*others)] == [FacetsBusyError] * 3
    assert set(facets._open) == {"a", "b"}  # and no file of another is open
    assert isinstance(await opened(facets, "e"), FacetsBusyError)


async def test_two_who_ask_at_once_get_the_same(facets: Facets) -> None:
    assert len({id(found) for found in await asyncio.gather(facet(facets, "a"), facet(facets, "a"))}) == 1


async def test_what_is_needed_stays_open_and_others_are_told(facets: Facets) -> None:
    for tenant in ("a", "b"):
        (await facet(facets, tenant)).users += 1
    assert isinstance(await opened(facets, "c"), FacetsBusyError)
    for tenant in ("a", "b"):
        found = facets.find(tenant)
        assert found is not None
        found.users -= 1
    assert isinstance(await opened(facets, "c"), Facet)


async def test_one_that_stores_something_is_closed_after_that(facets: Facets) -> None:
    first, second = await facet(facets, "a"), await facet(facets, "b")
    second.users += 1
    stored = asyncio.Event()
    first.commit([Commit(None, [("k", "v")])], lambda _: stored.set())
    assert first.storing
    await facet(facets, "c")
    assert stored.is_set()
    assert facets.find("a") is None
    second.users -= 1
    view = (await facet(facets, "a")).view()
    assert view.get("k") == "v"
    view.close()


def databases(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.sqlite")}


async def test_one_tenant_more_than_there_may_be_is_refused_and_leaves_nothing(facets: Facets, tmp_path: Path) -> None:
    facets.get(DEFAULT_TENANT)
    for tenant in "abcd":
        await facet(facets, tenant)
    files = databases(tmp_path)
    assert isinstance(await opened(facets, "e"), TooManyTenantsError)
    assert databases(tmp_path) == files
    assert facets.known == 4
    assert isinstance(await opened(facets, "a"), Facet)
    again = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4))
    assert again.known == 4, "they are counted at the start, without what an app without tenants has left"
    await again.close()


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def make_old(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (0, 0))


async def forgotten(facets: Facets) -> int:
    """How many idle tenants are deleted, once nothing tidies up in the facets of those who are."""
    async with asyncio.timeout(60):
        while not (gone := await facets.forget_idle()):  # noqa: ASYNC110 (what is awaited is this call)
            await asyncio.sleep(0.01)
    return gone


async def test_who_does_not_call_is_deleted_although_their_facet_has_stayed_open(tmp_path: Path) -> None:
    facets = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=4))
    closed: list[str] = []
    facets.on_closed = closed.append
    stored = asyncio.Event()
    (await facet(facets, "gone")).commit([Commit(None, [("k", "v")])], lambda _: stored.set())
    busy, here = await facet(facets, "busy"), await facet(facets, "here")
    await stored.wait()
    assert await facets.forget_idle() == 0
    busy.users += 1
    make_old(tmp_path)
    assert facets.find("here") is here
    assert await forgotten(facets) == 1
    assert closed == ["gone"]
    assert databases(tmp_path) == {Path(one.path).name for one in (busy, here)}
    assert facets.known == 2
    await facets.close()


async def test_who_calls_while_another_is_deleted_keeps_everything(tmp_path: Path) -> None:
    """Also what waits in the background for them: their call may just have put it there."""
    facets = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=4))
    for tenant in "ab":
        await facet(facets, tenant)
    await facets.close()
    facets = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=4))
    make_old(tmp_path)
    told: list[str] = []
    calls: list[Facet | Exception] = []

    async def deleting(tenant: str) -> None:
        told.append(tenant)
        calls.extend([await opened(facets, tenant), await opened(facets, "a" if tenant == "b" else "b")])

    facets.on_deleting = deleting
    assert await facets.forget_idle() == 1
    refused, kept = calls
    assert isinstance(refused, FacetsBusyError), "who is being deleted waits until that is done"
    assert isinstance(kept, Facet)
    assert told == [tenant for tenant in "ab" if tenant != kept.tenant]
    assert databases(tmp_path) == {Path(kept.path).name}
    await facets.close()


async def test_who_is_deleted_leaves_the_copy_for_a_way_back_too_and_no_bytes(tmp_path: Path) -> None:
    folder, copy = tmp_path / "facets-2", tmp_path / "facets-1"
    folder.mkdir()
    facets = Facets(str(folder), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=4))
    path = Path((await facet(facets, "gone")).path)
    await facets.close()
    shutil.copytree(folder, copy)
    (copy / "other.sqlite").write_bytes(b"of another tenant")
    os.link(path, tmp_path / "blocks")
    make_old(folder)
    facets = Facets(str(folder), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=4))
    facets.copies = [copy.name]
    assert await facets.forget_idle() == 1
    assert files(folder) == set()
    assert files(copy) == {"other.sqlite"}
    assert not any((tmp_path / "blocks").read_bytes())
    await facets.close()


async def test_what_the_platform_does_for_tenants_makes_none_and_is_no_call_of_theirs(tmp_path: Path) -> None:
    facets = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=2))
    assert isinstance(await opened(facets, "nobody", called=False), UnknownTenantError)
    assert facets.known == 0
    await facet(facets, "a")
    await facets.close()
    path = path_of(str(tmp_path), "a")
    make_old(tmp_path)
    facets = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4, seconds=3600, open=2))
    found = await opened(facets, "a", called=False)
    assert isinstance(found, Facet)
    assert facets.find("a", called=False) is found
    stored = asyncio.Event()
    found.commit([Commit(None, [("k", "v")])], lambda _: stored.set())
    await stored.wait()
    assert last_call(path) == 0
    assert await forgotten(facets) == 1
    assert files(tmp_path) == set()
    await facets.close()


async def test_a_call_while_the_platform_opens_a_facet_counts_and_makes_it(facets: Facets, tmp_path: Path) -> None:
    for_platform, for_caller = await asyncio.gather(opened(facets, "a", called=False), opened(facets, "a"))
    assert isinstance(for_platform, UnknownTenantError)
    assert isinstance(for_caller, Facet)
    os.utime(name_file(for_caller.path), (0, 0))
    again = await asyncio.gather(opened(facets, "b"), opened(facets, "b", called=False))
    assert again[0] is again[1], "a file is opened once"
    await facet(facets, "c")
    await facets.close()
    assert last_call(path_of(str(tmp_path), "a")) > 0, "its call is noted when it is closed"


async def test_tenants_are_listed_by_parts_and_in_one_order(facets: Facets) -> None:
    for tenant in ("a", "b", "\u00e9"):
        await facet(facets, tenant)
    facets.get(DEFAULT_TENANT)
    first = await facets.tenants_after("", 2)
    rest = await facets.tenants_after(first[-1].stem, 2)
    assert {one.tenant for one in (*first, *rest)} == {"a", "b", "\u00e9"}
    assert [one.stem for one in (*first, *rest)] == sorted(one.stem for one in (*first, *rest))
    assert await facets.tenants_after(rest[-1].stem, 2) == []


BAD_NAMES = {"another tenant's": b"b", "none": b"", "no UTF-8": b"\xff", "too long": b"a" * 5000, "a link": None}


@pytest.mark.parametrize("content", BAD_NAMES.values(), ids=BAD_NAMES)
async def test_a_name_that_is_not_the_facets_is_nobodys_until_the_next_call(
    facets: Facets, tmp_path: Path, content: bytes | None
) -> None:
    path = (await facet(facets, "a")).path
    await facets.close()
    spoil(Path(name_file(path)), content, tmp_path / "elsewhere")
    assert name_of(path) is None
    again = Facets(str(tmp_path), 1024 * 1024, 4, 3600, 0, Many(most=4))
    assert await again.tenants_after("", 9) == [Known(path_of("", "a").removesuffix(".sqlite"), None)]
    assert isinstance(await opened(again, "a"), Facet), "they are served all the same"
    await again.close()
    assert name_of(path) == (None if content is None else "a"), "what a link points to is not written"
    assert "elsewhere" not in files(tmp_path)


def spoil(path: Path, content: bytes | None, elsewhere: Path) -> None:
    path.unlink()
    if content is None:
        path.symlink_to(elsewhere)
    else:
        path.write_bytes(content)
