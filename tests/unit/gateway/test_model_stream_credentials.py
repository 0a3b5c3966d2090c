# SPDX-License-Identifier: Apache-2.0
"""Streams of models carry credentials and step tokens as plain calls do, and never say them."""

import itertools
from collections.abc import Iterator

import jwt
import orjson
import pytest

from genapps.api import digests
from genapps.gateway.connectors import passing
from genapps.gateway.egress.messages import OutboundResponse
from genapps.gateway.step_tokens.minting import HEADER
from tests.unit.gateway.test_credentials import secret
from tests.unit.gateway.test_credentials import token as oauth_token
from tests.unit.gateway.test_model_connector import model, sent
from tests.unit.gateway.test_model_streams import DONE, EVENTS, delta, event, lines, outside, stream, texts, told
from tests.unit.gateway.world import Installation

__all__ = ["outside"]

SECRET = "s3cr3t-0123456789"


@pytest.fixture
def guarded(outside: Installation) -> Installation:
    outside.secrets.changed(secret(SECRET, connector="llm", hosts="models.example.com"))
    outside.catalogue.changed(model(credential={"secretName": "fx-key", "key": "token"}))
    return outside


def parts(text: str, size: int) -> tuple[bytes, ...]:
    return tuple(event(delta(text[at : at + size])) for at in range(0, len(text), size))


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_a_credential_is_found_across_the_borders_of_pieces(guarded: Installation, size: int) -> None:
    guarded.upstream.pieces = *parts(f"your key is {SECRET}, is it not", size), DONE
    reply = await stream(guarded)
    assert SECRET[:10] not in texts([orjson.loads(line) for line in reply.body.splitlines()])
    assert b"holds the platform's credential" in reply.body
    assert b'"code":"ResultInvalid"' in reply.body


async def test_a_credential_in_the_bytes_of_a_stream_is_found_wherever_they_are_cut(guarded: Installation) -> None:
    whole = event(delta("2", id=SECRET)) + DONE
    guarded.upstream.pieces = whole[:30], whole[30:-20], whole[-20:]
    assert (await stream(guarded)).json()["code"] == "ResultInvalid"


async def test_what_only_begins_like_the_credential_waits_and_passes(
    guarded: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"no {SECRET[:9]} but {SECRET[:12]}"
    guarded.upstream.pieces = *parts(said, 2), told(), DONE
    assert texts(lines(await stream(guarded))) == said
    monkeypatch.setattr(passing, "HELD_BYTES", 1000)
    guarded.upstream.pieces = itertools.chain(parts(SECRET[:9], 9), itertools.repeat(event(delta(""))))
    assert (await stream(guarded)).json()["code"] == "ResultInvalid"


async def test_a_stream_carries_a_step_token_as_any_call(outside: Installation) -> None:
    outside.catalogue.changed(model(stepToken={"audience": "https://models.example.com"}))
    assert (await stream(outside)).json()["code"] == "ConnectorUnavailable", "there is no key yet"
    assert outside.upstream.asked == []
    await outside.step_keys.refresh()
    assert texts(lines(await stream(outside))) == "1 + 1 is 2"
    await stream(outside)
    first, second = (dict(request.headers)[HEADER] for _, request in outside.upstream.asked)
    claims, others = (jwt.decode(token, options={"verify_signature": False}) for token in (first, second))
    digest = digests.sha256(digests.canonical(sent(outside)[1]))
    assert claims["aud"] == "https://models.example.com"
    tctx = claims["tctx"]
    assert (tctx["connector"], tctx["tool"], tctx["effect"]) == ("llm", "chat", "Read")
    assert tctx["arguments_digest"] == digest, "of what is sent, with all that the gateway adds"
    assert claims["txn"] != others["txn"], "each stream has its own"


async def test_a_stream_that_says_its_step_token_is_cut_off(outside: Installation) -> None:
    outside.catalogue.changed(model(stepToken={"audience": "https://models.example.com"}))
    await outside.step_keys.refresh()

    def echoing() -> Iterator[bytes]:
        token = dict(outside.upstream.asked[-1][1].headers)[HEADER]
        yield from (*parts(token, 7), DONE)

    outside.upstream.pieces = echoing()
    reply = await stream(outside)
    assert b'"code":"ResultInvalid"' in reply.body
    assert dict(outside.upstream.asked[-1][1].headers)[HEADER][-20:].encode() not in reply.body


OAUTH = {"tokenURL": "https://login.example.com/oauth/token", "clientID": "genapps", "scopes": ["chat"]}


async def test_a_stream_carries_an_oauth_token_as_any_call_and_buys_another_when_it_is_refused(
    outside: Installation,
) -> None:
    outside.secrets.changed(secret(connector="llm", hosts="models.example.com, login.example.com"))
    outside.catalogue.changed(model(credential={"secretName": "fx-key", "key": "token", "oauth": OAUTH}))
    login = outside.upstream.answers
    login["login.example.com"] = oauth_token("first-token")
    assert texts(lines(await stream(outside))) == "1 + 1 is 2"
    outside.upstream.pieces = *parts("it is first-token, is it not", 3), DONE
    reply = await stream(outside)
    assert b'"code":"ResultInvalid"' in reply.body
    hosts = [target.host for target, _ in outside.upstream.asked]
    assert hosts == ["login.example.com", "models.example.com", "models.example.com"], "it is bought once"
    assert dict(outside.upstream.asked[-1][1].headers)["authorization"] == "Bearer first-token"
    login["login.example.com"] = oauth_token("second-token")
    outside.upstream.answer = OutboundResponse(401, EVENTS, b"")
    assert (await stream(outside)).json()["code"] == "UpstreamRefused"
    outside.upstream.answer, outside.upstream.pieces = OutboundResponse(200, EVENTS, b""), (event(delta("2")), DONE)
    assert texts(lines(await stream(outside))) == "2"
    assert dict(outside.upstream.asked[-1][1].headers)["authorization"] == "Bearer second-token"
