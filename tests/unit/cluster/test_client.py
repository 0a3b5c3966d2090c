# SPDX-License-Identifier: Apache-2.0
"""The client's protocol: what it sends, what it makes of refusals, and when it tries again."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from genapps.cluster.client import Client, Write, pause
from genapps.cluster.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from genapps.cluster.resources import CONFIG_MAP, EVENT, NAMESPACE, POD
from tests.support.scripted_server import Script, json, listing, refusal, serve, stream, thing

MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"namespace": "ns", "name": "a"},
    "data": {"k": "v"},
}


async def test_apply_is_a_forced_server_side_apply_under_our_name(client: Client, script: Script) -> None:
    script.answers = [json(thing("a", 7))]
    assert await client.apply(MANIFEST) == thing("a", 7)
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("PATCH", "/api/v1/namespaces/ns/configmaps/a")
    assert asked.query == {"fieldManager": "genapps-tests", "force": "true"}
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.headers["Authorization"] == "Bearer sesame"
    assert asked.body == MANIFEST


async def test_apply_passes_a_resource_version_for_compare_and_swap(client: Client, script: Script) -> None:
    script.answers = [refusal(409, "Conflict", "the object has been modified")]
    manifest = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "resourceVersion": "5"}}
    with pytest.raises(ConflictError, match="has been modified"):
        await client.apply(manifest)
    assert script.asked[0].body["metadata"]["resourceVersion"] == "5"
    assert len(script.asked) == 1, "a lost race is the caller's to judge, not to be tried again"


async def test_a_dry_run_says_so(client: Client, script: Script) -> None:
    script.answers = [json(thing("a", 7))]
    await client.apply(MANIFEST, dry_run=True, subresource="status")
    assert script.asked[0].query["dryRun"] == "All"
    assert script.asked[0].path.endswith("/configmaps/a/status")


async def test_a_deletion_names_uid_and_grace(client: Client, script: Script) -> None:
    script.answers = [json({"kind": "Status"})]
    await client.delete(POD, "ns", "a", uid="u1", grace_seconds=1)
    assert script.asked[0].body["preconditions"] == {"uid": "u1"}
    assert script.asked[0].body["gracePeriodSeconds"] == 1


async def test_a_list_takes_what_the_watch_cache_has_and_no_pages(client: Client, script: Script) -> None:
    script.answers = [listing(9, ("a", 3))]
    found = await client.list(CONFIG_MAP, "ns", selector="x=y", metadata_only=True)
    assert (found.resource_version, [item["metadata"]["name"] for item in found.items]) == ("9", ["a"])
    (asked,) = script.asked
    assert asked.query == {"labelSelector": "x=y", "resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}
    assert "PartialObjectMetadataList" in asked.headers["Accept"]


async def test_a_list_of_the_store_itself_names_no_version(client: Client, script: Script) -> None:
    script.answers = [listing(9)]
    await client.list(NAMESPACE, at_least=None, name="one")
    assert script.asked[0].query == {"fieldSelector": "metadata.name=one"}
    assert script.asked[0].path == "/api/v1/namespaces"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (422, InvalidError),
        (405, ApiError),
    ],
)
async def test_a_refusal_is_a_typed_error_and_is_not_tried_again(
    client: Client, script: Script, status: int, kind: type[ApiError]
) -> None:
    script.answers = [refusal(status, "Reason", "message")]
    with pytest.raises(ApiError) as caught:
        await client.get(POD, "ns", "a")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason, caught.value.message) == (status, "Reason", "message")
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_overload_and_server_errors_are_tried_again(client: Client, script: Script, status: int) -> None:
    script.answers = [refusal(status), json(thing("a", 1))]
    assert await client.get(POD, "ns", "a") == thing("a", 1)
    assert len(script.asked) == 2


async def test_a_body_that_is_no_status_object_still_makes_an_error(client: Client, script: Script) -> None:
    script.answers = [json({}, 404)]
    with pytest.raises(NotFoundError):
        await client.get(POD, "ns", "a")


async def test_an_unauthorised_answer_is_tried_once_with_a_fresh_token(client: Client, script: Script) -> None:
    script.answers = [refusal(401), json(thing("a", 1))]
    assert await client.get(POD, "ns", "a") == thing("a", 1)
    script.answers = [refusal(401)]
    with pytest.raises(ApiError, match="401"):
        await client.get(POD, "ns", "a")
    assert len(script.asked) == 4


async def test_names_are_quoted_in_paths(client: Client, script: Script) -> None:
    script.answers = [json(thing("a", 1))]
    await client.get(EVENT, "ns", "a/../b")
    assert script.asked[0].path.endswith("/events/a/../b")
    assert EVENT.path("ns", "a/../b") == "/api/v1/namespaces/ns/events/a%2F..%2Fb"


async def test_a_watch_puts_lines_together_again_however_they_arrive(client: Client, script: Script) -> None:
    long = "x" * 300_000
    events = [("ADDED", thing("a", 1, data=long)), ("BOOKMARK", thing("b", 2)), ("DELETED", thing("c", 3))]
    script.answers = [stream(*events, split=50_001)]
    seen = [event async for event in client.watch(CONFIG_MAP, "ns", resource_version="0")]
    assert seen == events


async def test_an_error_event_is_raised_with_its_status(client: Client, script: Script) -> None:
    script.answers = [stream(("ERROR", {"code": 410, "reason": "Expired", "message": "too old"}))]
    with pytest.raises(GoneError, match="too old"):
        [event async for event in client.watch(CONFIG_MAP, None, resource_version="1")]


async def test_a_watch_on_which_nothing_arrives_is_given_up(client: Client, script: Script) -> None:
    script.answers = [stream(("ADDED", thing("a", 1)), then="silence")]
    events = client.watch(CONFIG_MAP, None, resource_version="1", inactivity_seconds=0.2)
    assert await anext(events) == ("ADDED", thing("a", 1))
    with pytest.raises(UnavailableError):
        await anext(events)


class WriteGuard:
    """Open until it is closed; a test may close it while a request is under way."""

    def __init__(self) -> None:
        self.closed = False

    def __call__(self) -> None:
        if self.closed:
            raise RuntimeError("closed")


async def test_a_closed_write_guard_lets_no_write_out_and_every_read(script: Script) -> None:
    write_guard = WriteGuard()
    script.answers = [json(thing("a", 7))]
    async with serve(script, write_guard=write_guard) as client:
        await client.apply(MANIFEST)
        write_guard.closed = True
        with_version = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "resourceVersion": "7"}}
        for write in (
            client.apply(MANIFEST),
            client.create(MANIFEST),
            client.replace(with_version),
            client.delete(POD, "ns", "a", uid="u"),
        ):
            with pytest.raises(RuntimeError, match="closed"):
                await write
        await client.get(CONFIG_MAP, "ns", "a")
    assert [asked.method for asked in script.asked] == ["PATCH", "GET"]


async def test_a_write_that_waits_for_a_connection_meets_the_write_guard_when_it_gets_one(script: Script) -> None:
    write_guard, begun, go_on = WriteGuard(), asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        begun.set()
        await go_on.wait()
        return await json(thing("a", 7))(request)

    script.answers = [slow]
    async with serve(script, write_guard=write_guard, connections=1) as client:
        first = asyncio.create_task(client.get(CONFIG_MAP, "ns", "a"))
        await begun.wait()
        second = asyncio.create_task(client.apply(MANIFEST))
        await asyncio.sleep(0)
        write_guard.closed = True
        go_on.set()
        await first
        with pytest.raises(RuntimeError, match="closed"):
            await second
    assert [asked.method for asked in script.asked] == ["GET"]


async def test_a_repeated_attempt_meets_the_write_guard_again(script: Script) -> None:
    write_guard = WriteGuard()

    async def fail(request: web.Request) -> web.StreamResponse:
        write_guard.closed = True
        return await refusal(503)(request)

    script.answers = [fail]
    async with serve(script, write_guard=write_guard) as client:
        with pytest.raises(RuntimeError, match="closed"):
            await client.apply(MANIFEST)
    assert len(script.asked) == 1


async def test_a_write_with_a_limit_tells_it_to_the_api_server(script: Script) -> None:
    script.answers = [json(thing("a", 7))]
    async with serve(script, write_seconds=4.5) as client:
        await client.apply(MANIFEST)
        await client.get(CONFIG_MAP, "ns", "a")
    assert [asked.query.get("timeout") for asked in script.asked] == ["4500ms", None]


async def test_a_replacement_without_a_version_is_refused_here(client: Client, script: Script) -> None:
    with pytest.raises(ValueError, match="version"):
        await client.replace(MANIFEST)
    assert script.asked == []


async def test_every_answer_is_counted_by_method_and_status(script: Script) -> None:
    seen: list[tuple[str, int]] = []
    script.answers = [refusal(503), json(thing("a", 7))]
    async with serve(script, on_answer=lambda method, status: seen.append((method, status))) as client:
        await client.apply(MANIFEST)
    assert seen == [("PATCH", 503), ("PATCH", 200)]


async def test_every_write_is_counted_once_however_it_ends_and_no_read(script: Script) -> None:
    writes: list[Write] = []
    script.answers = [refusal(503), json(thing("a", 7))]
    async with serve(script, on_write=writes.append) as client:
        await client.apply(MANIFEST)
        await client.apply(MANIFEST, subresource="status")
        await client.apply(MANIFEST, dry_run=True)
        await client.create(MANIFEST)
        await client.replace({**MANIFEST, "metadata": {**MANIFEST["metadata"], "resourceVersion": "7"}})
        await client.get(CONFIG_MAP, "ns", "a")
        script.answers = [refusal(404)]
        with pytest.raises(NotFoundError):
            await client.delete(CONFIG_MAP, "ns", "a", uid="u")
    assert writes == [
        Write("apply", "ConfigMap"),
        Write("apply", "ConfigMap", "status"),
        Write("create", "ConfigMap"),
        Write("replace", "ConfigMap"),
        Write("delete", "ConfigMap"),
    ]


async def test_one_attempt_is_one_attempt_also_with_an_expired_token(script: Script) -> None:
    script.answers = [refusal(401)]
    async with serve(script, attempts=1) as client:
        with pytest.raises(ApiError):
            await client.get(CONFIG_MAP, "ns", "a")
    assert len(script.asked) == 1


async def test_no_attempt_begins_after_the_time_for_retries(script: Script) -> None:
    script.answers = [refusal(503, "Unavailable")]
    async with serve(script, attempts=5, retry_seconds=0.0) as client:
        with pytest.raises(UnavailableError):
            await client.get(POD, "run", "c")
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        pytest.param(None, 0.05, 0.1, id="not told"),
        pytest.param(0.0, 0.05, 0.1, id="told nothing"),
        pytest.param(1.0, 1.0, 1.0, id="as told"),
        pytest.param(3600.0, 10.0, 10.0, id="an hour is too long"),
    ],
)
def test_a_repeated_attempt_waits_as_it_is_told_and_not_for_ever(
    retry_after: float | None, least: float, most: float
) -> None:
    assert least <= pause(0, retry_after) <= most


async def test_the_date_of_each_answer_is_told(script: Script) -> None:
    told: list[str] = []
    script.answers = [refusal(404), listing(1)]
    async with serve(script, on_date=told.append) as client:
        with pytest.raises(ApiError):
            await client.get(POD, "run", "c")
        await client.list(POD, "run")
    assert len(told) == 2
    assert all(told)
