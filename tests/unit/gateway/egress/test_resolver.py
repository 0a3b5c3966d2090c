# SPDX-License-Identifier: Apache-2.0
"""How names are asked for: absolutely, once for all who ask at a time, and anew for the next."""

import asyncio
import socket
import threading

import pytest

from genapps.gateway.egress.resolver import Resolver, system_lookup


def test_the_search_list_of_the_pod_answers_for_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        found = ("93.184.216.34", "93.184.216.34", "2606:4700::1111")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert system_lookup("api.example.com") == ("93.184.216.34", "2606:4700::1111")
    assert asked == ["api.example.com."]


async def test_who_asks_for_a_name_at_a_time_shares_the_answer_and_nobody_later_does() -> None:
    answer = threading.Event()
    asked: list[str] = []

    def lookup(host: str) -> tuple[str, ...]:
        asked.append(host)
        answer.wait(20)
        return (f"1.1.1.{len(asked)}",)

    resolver = Resolver(lookup)
    first, second = (asyncio.create_task(resolver.addresses("a.example.com")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    answer.set()
    assert await second == ("1.1.1.1",)
    assert await resolver.addresses("a.example.com") == ("1.1.1.2",)
    assert asked == ["a.example.com"] * 2
    resolver.close()


async def test_a_failure_is_told_to_all_and_remembered_for_nobody() -> None:
    def lookup(host: str) -> tuple[str, ...]:
        raise socket.gaierror(host)

    resolver = Resolver(lookup)
    for _ in range(2):
        told = await asyncio.gather(*(resolver.addresses("a.example.com") for _ in range(2)), return_exceptions=True)
        assert [type(error) for error in told] == [socket.gaierror] * 2
    assert not resolver._asked
    resolver.close()
