# SPDX-License-Identifier: Apache-2.0
"""An app in the real engine without a pod: requests go in, answers come out, and a dictionary is its state."""

import json
import time
from typing import Any

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import piece_of, resume_message, start_message
from genapps_runtime.guest.turns import Begun, Call, Calls, Done, Emit, End, Failed, Wait, Written, parse_turn
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import call_problem
from genapps_runtime.serve.statements import LIST_KEYS
from genapps_runtime.state.view import LIST_BYTES

MEMORY_BYTES = 64 * 1024 * 1024


class Answered:
    """What a request ended with: a response, or in `code` and `detail` why there is none."""

    def __init__(self, turn: Written | Failed, body: bytes) -> None:
        self.status = turn.status if isinstance(turn, Begun | Done) else 0
        self.headers = turn.headers if isinstance(turn, Begun | Done) else []
        self.code = turn.code if isinstance(turn, Failed) else ""
        self.detail = turn.detail if isinstance(turn, Failed) else ""
        self.trace = turn.trace if isinstance(turn, Failed) else ""
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """Each value of a header."""
        return [value.decode("latin-1") for known, value in self.headers if known.decode() == name]


class AppInEngine:
    """`state` maps keys to JSON texts; writes of an action are in it after its answer. `log` has the records."""

    def __init__(
        self, language: Language, source: str | dict[str, bytes], entry: str = "app.py", language_name: str = "python"
    ) -> None:
        """`source` is the text of the entry, or all files by path. Raises RefusedError when the code does not load."""
        self.state: dict[str, str] = {}
        self.log: list[dict[str, Any]] = []
        self.tools: list[dict[str, Any]] = []
        self._number = 0
        self._millis = 0.0
        self.guest = Guest(language, Heartbeat(), MEMORY_BYTES)
        files = {entry: source.encode()} if isinstance(source, str) else source
        self.routes = self.guest.load(load_message(Bundle(entry, files), 16384, language_name), 60, self._record)

    def call(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: list[tuple[bytes, bytes]] | None = None,
        *,
        own: bool = False,
    ) -> Answered:
        """One request, to its end. Header names are in lower case; with `own` the platform asks."""
        self._number += 1
        path, _, query = target.partition("?")
        turn = self.guest.start(
            start_message(self._number, "r", method, path, query, headers or [], body, own=own), _soon(), self._record
        )
        pieces: list[bytes] = []
        begun: Begun | None = None
        waiting: dict[str, tuple[float, Call]] = {}
        while True:
            parsed = parse_turn(turn)
            if isinstance(parsed, Failed):
                return Answered(parsed, b"")
            if isinstance(parsed, Done | End):
                self._write(parsed)
                return Answered(begun or parsed, b"".join([*pieces, getattr(parsed, "piece", b"")]))
            if isinstance(parsed, Calls):
                for call in parsed.calls:
                    if call.kind == "stream":
                        begun = call.payload["stream"]
                        self._write(begun)
                    elif call.kind == "send":
                        pieces.append(call.payload["send"])
                results = {call.id: self._result(call, body) for call in parsed.calls}
            elif isinstance(parsed, Wait):
                waiting.update((call.id, (self._due(call), call)) for call in parsed.calls)
                for cancelled in parsed.cancel:
                    waiting.pop(cancelled, None)
                first = self._first(waiting)
                results = {first.id: self._result(first, body)}
            else:
                assert isinstance(parsed, Emit)
                pieces.append(parsed.piece)
                results = {}
            turn = self.guest.resume(resume_message(self._number, results), _soon(), self._record)

    def _due(self, call: Call) -> float:
        return self._millis + call.payload["millis"] if call.kind == "timer" else 0

    def _first(self, waiting: dict[str, tuple[float, Call]]) -> Call:
        """What comes first, taken out: timers after all other calls, in the order of their times."""
        assert waiting, "the app waits for nothing"
        due, first = min(waiting.values(), key=lambda one: one[0])
        self._millis = max(self._millis, due)
        del waiting[first.id]
        return first

    def _record(self, record: str) -> None:
        self.log.append(json.loads(record))

    def _write(self, done: Written) -> None:
        for key, text in done.writes:
            if text is None:
                self.state.pop(key, None)
            else:
                self.state[key] = text

    def _result(self, call: Call, body: bytes) -> dict[str, Any]:
        payload = call.payload
        if call.kind in ("stream", "send"):
            return {"ok": True}
        if call.kind == "body":
            return {"ok": piece_of(body, payload["chunk"])}
        if call.kind == "get":
            return {"ok": self.state.get(payload["key"])}
        if call.kind == "timer":
            return {"ok": None}
        if call.kind == "tool":
            self.tools.append(payload)
            return {"ok": payload["arguments"]}
        keys = sorted(key for key in self.state if key.startswith(payload["prefix"]) and key > payload.get("after", ""))
        found = {key: self.state[key] for key in keys[: min(payload["limit"], LIST_KEYS)]}
        if sum(map(len, found.values())) > LIST_BYTES:
            return {"problem": call_problem("StateFull", "the listing is too long")}
        return {"ok": found}


def _soon() -> float:
    return time.monotonic() + 60
