# SPDX-License-Identifier: Apache-2.0
"""Apps that pay without pause by a connector, and a bank that counts how often each payment was made."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from demo.callers import Pod, Reply
from tests.support.apps import Manifest
from tools.kubectl import Kubectl, until

PAYING = """
    from genapps import app, tools, ToolError

    @app.post("/pay")
    async def pay(request):
        outcomes = {}
        for number in range(24):
            payment = f"{request.query['id']}-{number}"
            outcomes[payment] = await outcome("pay-once" if number % 2 else "pay", payment)
            if number % 8 == 0:
                outcomes[f"{payment} read"] = await outcome("made", payment)
        return outcomes

    async def outcome(tool, payment):
        try:
            await tools.call("bank", tool, id=payment)
            return "ok"
        except ToolError as error:
            return error.code
"""
PAYING_JS = """
    export default {
      async fetch(request, env) {
        const id = new URL(request.url).searchParams.get("id");
        const outcomes = {};
        for (let number = 0; number < 24; number++) {
          const payment = `${id}-${number}`;
          outcomes[payment] = await outcome(env.BANK, number % 2 ? "pay-once" : "pay", payment);
          if (number % 8 === 0) outcomes[`${payment} read`] = await outcome(env.BANK, "made", payment);
        }
        return Response.json(outcomes);
      },
    };

    async function outcome(bank, tool, payment) {
      try {
        await bank.call(tool, { id: payment });
        return "ok";
      } catch (error) {
        return error.code ?? String(error);
      }
    }
"""
BANK = """
import json, threading, time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
made, keys, lock = Counter(), set(), threading.Lock()
class Bank(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        payment = json.loads(self.rfile.read(int(self.headers["content-length"])))["id"]
        key = self.headers["idempotency-key"]
        with lock:
            made[payment] += key is None or key not in keys
            keys.add(key)
        time.sleep(0.02)
        self.answer(None)
    def do_GET(self):
        payment = self.path[1:]
        self.answer(made[payment] if payment else made)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("", 8000), Bank).serve_forever()
"""
MAY_BE_MADE = "OutcomeUnknown"
NOT_MADE = "GatewayUnavailable"
ENDED = ("PartiallyDone", "ActionTimeout")
"""How a request ends that waited too long for a gateway; the first one says what was done."""
CALLERS = 4
PAYMENTS = 24
"""Of one request, as in the apps."""
ENOUGH = PAYMENTS * CALLERS


@dataclass
class Payments:
    """What the apps, which take turns, were told of each payment, and how often the bank made it."""

    kubectl: Kubectl
    caller: Pod
    apps: tuple[Manifest, ...]
    bank: str
    told: dict[str, str] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    """The outcomes of what only reads."""
    failed: dict[str, Reply] = field(default_factory=dict)
    """Answers to whole requests that are not the app's own, by the beginning of what their payments are called."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Several callers ask without pause, also for a while after what happens meanwhile."""
        threads = [threading.Thread(target=self._ask) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            self.until_told(ENOUGH)
            yield
            self.until_told(len(self.told) + ENOUGH)
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def until_told(self, count: int) -> None:
        until(lambda: len(self.told) >= count, 90, f"{count} payments")

    def made(self) -> Counter[str]:
        return Counter(json.loads(self.caller.request("GET", self.bank, {}, None).body))

    def wrong(self) -> list[Any]:
        """What does not fit to what was told of it."""
        made = self.made()
        times = {"ok": {1}, NOT_MADE: {0}, MAY_BE_MADE: {0, 1}}
        found: list[Any] = [
            (payment, told, made[payment])
            for payment, told in self.told.items()
            if made[payment] not in times.get(told, set())
        ]
        found += [(what, told) for what, told in self.read.items() if told not in ("ok", NOT_MADE)]
        for number, reply in self.failed.items():
            each = [made[f"{number}-{payment}"] for payment in range(PAYMENTS)]
            if reply.status is None and max(each) <= 1:
                continue  # the caller's own time was over, and nobody was told anything
            told = json.loads(reply.body or "{}")
            steps = Counter(step["outcome"] for step in told.get("steps", ()) if step["tool"] != "made")
            possible = range(steps["done"], steps["done"] + steps["unknown"] + 1)
            if told.get("code") not in ENDED or max(each) > 1 or sum(each) not in possible:
                found.append((number, reply, each))
        return found

    def _ask(self) -> None:
        while not self._done.is_set():
            self._pay()

    def all_succeed(self) -> None:
        """One request to each app, whose payments all succeed. For use beside those that go on."""
        for _ in self.apps:
            told = self._pay()
            assert {*told.values()} == {"ok"}, (told, list(self.failed.items())[-1:])

    def _pay(self) -> dict[str, str]:
        """One request; its outcomes, none if it failed as a whole."""
        number = next(self._numbers)
        url = self.apps[number % len(self.apps)]["status"]["url"]
        reply = self.caller.request("POST", f"{url}/pay?id={number}", {}, None)
        if reply.status != 200:
            self.failed[str(number)] = reply
            return {}
        outcomes: dict[str, str] = json.loads(reply.body)
        self.read |= {what: told for what, told in outcomes.items() if what.endswith(" read")}
        self.told |= {what: told for what, told in outcomes.items() if what not in self.read}
        return outcomes
