# SPDX-License-Identifier: Apache-2.0
"""What kopf reads from a watch that fails, in whatever way."""

import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from genapps.controller.watch.kopf_streams import EXPIRED, WatchResponse
from tests.support.scripted_server import Answer, Script, refusal, stream, thing

ADDED = ("ADDED", thing("a", 5))
INSIDE = ("ADDED", thing("b", 6, text='\n{"type":"ERROR","object":{}}'))


def failure(code: int) -> tuple[str, dict[str, Any]]:
    return "ERROR", {"kind": "Status", "code": code, "message": "no"}


async def read(answer: Answer, query: str = "watch=true") -> tuple[int, bytes]:
    """Status and body of one request, as kopf would read them."""
    script, app = Script([answer]), web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/apis?{query}"
    try:
        async with aiohttp.ClientSession(response_class=WatchResponse) as session, session.get(url) as response:
            return response.status, b"".join([chunk async for chunk in response.content.iter_chunked(2**20)])
    finally:
        await runner.cleanup()


def lines(*events: tuple[str, dict[str, Any]]) -> list[Any]:
    return [{"type": kind, "object": object_} for kind, object_ in events]


@pytest.mark.parametrize("code", [410, 500, 504])
@pytest.mark.parametrize("before", [(), (ADDED,), (ADDED, INSIDE)])
async def test_an_error_in_a_stream_says_that_the_version_is_too_old(
    code: int, before: tuple[tuple[str, dict[str, Any]], ...]
) -> None:
    status, body = await read(stream(*before, failure(code)))
    assert status == 200
    *events, last = [json.loads(line) for line in body.splitlines()]
    assert events == lines(*before)
    assert last == json.loads(EXPIRED)


async def test_a_watch_that_is_refused_with_410_says_the_same() -> None:
    assert await read(refusal(410)) == (200, EXPIRED)


@pytest.mark.parametrize("status", [403, 404, 429, 500])
async def test_any_other_refusal_stays_what_it_is(status: int) -> None:
    assert (await read(refusal(status)))[0] == status


async def test_a_list_that_is_refused_with_410_stays_what_it_is() -> None:
    assert (await read(refusal(410), ""))[0] == 410


async def test_a_stream_without_an_error_arrives_as_it_is() -> None:
    _, body = await read(stream(ADDED, INSIDE))
    assert [json.loads(line) for line in body.splitlines()] == lines(ADDED, INSIDE)
