# SPDX-License-Identifier: Apache-2.0
"""Answers of tools that an app in JavaScript takes piece by piece: what it asks for, turn by turn, and how it ends."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import resume_message, start_message
from genapps_runtime.guest.turns import Call, Calls, Done, Failed, Turn, Wait, parse_turn
from genapps_runtime.heartbeat import Heartbeat

MEMORY = 64 * 1024 * 1024
APP = """
const routes = {
  "/all": async (env) => {
    const found = [];
    for await (const piece of env.MY_LLM.stream("chat", { n: 1 })) found.push(piece);
    return found;
  },
  "/first": async (env) => {
    for await (const piece of env.MY_LLM.stream("chat", {})) return piece;
  },
  "/caught": async (env) => {
    const found = [];
    try {
      for await (const piece of env.MY_LLM.stream("chat")) found.push(piece);
    } catch (error) {
      found.push([error.name, error.code, error.class, error.retryAfter]);
    }
    return found;
  },
  "/thrown": async (env) => {
    for await (const piece of env.MY_LLM.stream("chat", {})) throw new Error(`no ${piece}`);
  },
  "/two": (env) => {
    const taken = async (tool) => {
      const found = [];
      for await (const piece of env.MY_LLM.stream(tool, {})) found.push(piece);
      return found;
    };
    return Promise.all([taken("a"), taken("b")]);
  },
  "/unasked": async (env) => {
    env.MY_LLM.stream("chat", {});
    return "nothing";
  },
  "/wrong": async (env) => {
    try {
      env.MY_LLM.stream("chat", [1]);
    } catch (error) {
      return error.name;
    }
  },
};
export default {
  fetch: async (request, env) => Response.json(await routes[new URL(request.url).pathname](env) ?? null),
};
"""


class Instance:
    """One guest, driven turn by turn."""

    def __init__(self, language: Language) -> None:
        self.guest = Guest(language, Heartbeat(), MEMORY)
        bundle = Bundle("app.js", {"app.js": APP.encode()})
        self.guest.load(load_message(bundle, 10_000, "javascript", ["my-llm"]), 10)

    def start(self, path: str) -> Turn:
        message = start_message(1, "r", "POST", path, "", [], b"", in_pieces=False)
        return parse_turn(self.guest.start(message, time.monotonic() + 10, lambda _: None))

    def resume(self, outcomes: dict[str, dict[str, Any]]) -> Turn:
        return parse_turn(self.guest.resume(resume_message(1, outcomes), time.monotonic() + 10, lambda _: None))

    def give(self, call: Call, pieces: list[Any] | None) -> Turn:
        return self.resume({call.id: {"ok": pieces}})


@pytest.fixture(scope="module")
def instance(javascript: Language) -> Iterator[Instance]:
    made = Instance(javascript)
    yield made
    made.guest.drop()


def asked(turn: Turn) -> list[Call]:
    assert isinstance(turn, Calls | Wait), turn
    return list(turn.calls)


def only(turn: Turn) -> Call:
    (call,) = asked(turn)
    return call


def body_of(turn: Turn) -> Any:
    assert isinstance(turn, Done), turn
    return json.loads(turn.piece)


def test_an_app_asks_for_the_pieces_that_have_come_until_there_are_no_more(instance: Instance) -> None:
    first = only(instance.start("/all"))
    assert (first.kind, first.payload["stream"]) == ("tool", True)
    assert (first.payload["connector"], first.payload["tool"], first.payload["arguments"]) == (
        "my-llm",
        "chat",
        {"n": 1},
    )
    second = only(instance.give(first, [{"text": "a"}, None]))
    assert (second.kind, str(second.payload["call"])) == ("next", first.id)
    third = only(instance.give(second, ["zö"]))
    assert (third.kind, str(third.payload["call"])) == ("next", first.id)
    assert body_of(instance.give(third, None)) == [{"text": "a"}, None, "zö"]


def test_an_answer_without_pieces_is_empty(instance: Instance) -> None:
    assert body_of(instance.give(only(instance.start("/all")), None)) == []


def test_who_leaves_early_says_so(instance: Instance) -> None:
    first = only(instance.start("/first"))
    leave = only(instance.give(first, ["a", "b"]))
    assert (leave.kind, str(leave.payload["call"])) == ("leave", first.id)
    assert body_of(instance.give(leave, None)) == "a"


def test_an_error_while_pieces_are_taken_ends_the_request_and_so_the_answer(instance: Instance) -> None:
    failed = instance.give(only(instance.start("/thrown")), ["a", "b"])
    assert isinstance(failed, Failed)
    assert failed.detail == "Error: no a"


@pytest.mark.parametrize("pieces", [[], ["a"]])
def test_a_refusal_and_an_answer_that_breaks_off_are_errors_with_their_code(
    instance: Instance, pieces: list[Any]
) -> None:
    call = only(instance.start("/caught"))
    if pieces:
        call = only(instance.give(call, pieces))
    problem = {"code": "UpstreamFailed", "class": "limit", "detail": "it broke off", "retryAfter": 5}
    found = body_of(instance.resume({call.id: {"problem": problem}}))
    assert found == [*pieces, ["ToolError", "UpstreamFailed", "limit", 5]]


def test_two_answers_come_side_by_side(instance: Instance) -> None:
    one, two = asked(instance.start("/two"))
    assert [call.payload["tool"] for call in (one, two)] == ["a", "b"]
    nexts = asked(instance.resume({one.id: {"ok": [1]}, two.id: {"ok": [2]}}))
    assert [str(call.payload["call"]) for call in nexts] == [one.id, two.id]
    assert body_of(instance.resume({call.id: {"ok": None} for call in nexts})) == [[1], [2]]


def test_nothing_is_asked_before_a_piece_is_wanted(instance: Instance) -> None:
    assert body_of(instance.start("/unasked")) == "nothing"
    assert body_of(instance.start("/wrong")) == "TypeError"
