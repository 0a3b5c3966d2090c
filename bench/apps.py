# SPDX-License-Identifier: Apache-2.0
"""The generated apps that are measured, and the objects that carry them."""

from __future__ import annotations

import json
from typing import Any

from genapps.api.names import API_VERSION, RUN_NAMESPACE

NAMESPACE = "genapps-bench"
BUDGET = "genapps-bench"
TIER = "bench"
NAPPING = "napping"
"""The tier of apps that nap soon, with the CPU limit that a small tier has."""
THRESHOLD = 3

Manifest = dict[str, Any]

# Answers without and with state; the peer's host.mjs does the same.
ANSWERS = """\
from genapps import app, state


@app.get("/")
def hello(request):
    return {"hello": request.path}


@app.get("/state")
@app.post("/state")
async def count(request):
    key = request.query.get("key", "")
    value = await state.get(key, 0) + 1
    await state.put(key, value)
    return {"count": value}
"""

# Calls a tool once.
CALLS = """\
from genapps import app, tools


@app.get("/")
def hello(request):
    return {"hello": request.path}


@app.post("/call")
async def call(request):
    return {"told": await tools.call("mail", "send", number=1)}
"""

# The same in JavaScript, with an answer of 16 KiB and one after 10 ms.
JAVASCRIPT_ANSWERS = """\
const filler = "x".repeat(16 * 1024);

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const path = url.pathname;
    if (path === "/wait") await new Promise((resolve) => setTimeout(resolve, 10));
    if (path === "/tool") await env.MAIL.send({ number: 1 });
    if (path === "/state") {
      const key = url.searchParams.get("key") ?? "";
      const count = ((await env.STATE.get(key)) ?? 0) + 1;
      await env.STATE.put(key, count);
      return Response.json({ count });
    }
    if (path === "/large") return Response.json({ hello: path, filler });
    return Response.json({ hello: path });
  },
};
"""

SOURCES = {"python": ANSWERS, "javascript": JAVASCRIPT_ANSWERS}
"""The same app by language."""

# Counts by SQL, in one statement; the peer's host.mjs does the same.
COUNTS = """\
import sqlite3

from genapps import app, state

sqlite3.connect("app.db").execute("CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, n INTEGER NOT NULL)")


@app.get("/")
def hello(request):
    return {"hello": request.path}


@app.get("/sql")
async def count(request):
    key = request.query.get("key", "")
    text = "INSERT INTO counts VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1 RETURNING n"
    return {"count": (await state.sql(text, key))[0]["n"]}
"""

# Waits for 10 ms, as the peer's host.mjs does; or for a tool.
WAITS = """\
import asyncio

from genapps import app, tools


@app.get("/")
def hello(request):
    return {"hello": request.path}


@app.get("/wait")
async def wait(request):
    await asyncio.sleep(0.01)
    return {"hello": request.path}


@app.get("/tool")
async def tool(request):
    await tools.call("mail", "send", number=1)
    return {"hello": request.path}
"""

# The first answer of ANSWERS in the other forms that an app may have.
ASGI_ANSWERS = """\
import json


async def app(scope, receive, send):
    body = json.dumps({"hello": scope["path"]}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""

WSGI_ANSWERS = """\
import json


def application(environ, start_response):
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps({"hello": environ["PATH_INFO"]}).encode()]
"""

WORKERS_ANSWERS = """\
from urllib.parse import urlsplit

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json({"hello": urlsplit(request.url).path})
"""

# Answers at once, and after having computed for some seconds.
COMPUTES = """\
import time
from genapps import app


@app.get("/")
def small(request):
    return {"hello": request.path}


@app.get("/compute/{seconds}")
def compute(request, seconds):
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        pass
    return {"computed": seconds}
"""

ASSET = "static/numbers.json"
"""The path of a file that is measured, and what is in it: JSON of 16 KiB, because answers are compared as JSON."""
ASSET_CONTENT = json.dumps({"numbers": [*range(10_000, 12_727)]}, separators=(",", ":")).encode("ascii")

# Answers under a path of its own, so that an answer tells which code it comes from.
EDITED = """\
from genapps import app


@app.get("/edition-{edition}")
def edition(request):
    return {{"edition": {edition}}}
"""

# Every request calls a connector that its envelope does not have.
TRESPASSES = """\
from genapps import ToolError, app, tools


@app.get("/")
async def trespass(request):
    try:
        await tools.call("payroll", "list")
    except ToolError as refusal:
        return {"refused": refusal.code}
    return {"refused": None}
"""


RATE_TOOL: dict[str, Any] = {
    "name": "latest",
    "method": "GET",
    "path": "/v1/latest/{currency}",
    "effect": "Read",
    "timeout": "5s",
    "input": {
        "type": "object",
        "required": ["currency"],
        "additionalProperties": False,
        "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    },
    "output": {"type": "object", "required": ["rate"], "properties": {"rate": {"type": "number"}}},
}
"""The tool of a connector that is asked for a rate, with a contract for arguments and result."""


def generated_app(
    name: str, source: str, namespace: str = NAMESPACE, tier: str = TIER, family: str | None = None
) -> Manifest:
    """A GeneratedApp with inline Python and no connectors."""
    envelope = {"owner": {"team": "bench"}, "riskClass": "low", "retention": {"afterDelete": "1h"}}
    return {
        "apiVersion": API_VERSION,
        "kind": "GeneratedApp",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "envelope": envelope if family is None else envelope | {"family": family},
            "code": {"language": "python", "source": {"inline": source}},
            "tier": tier,
            "budget": BUDGET,
        },
    }


def app_budget(namespace: str = NAMESPACE, run_namespace: str = RUN_NAMESPACE) -> Manifest:
    """A budget whose first tier limits nothing that is measured: a CPU limit would measure the kernel's throttling."""
    tier = {
        "guestMemory": "64Mi",
        "cpu": "2",
        "concurrency": 64,
        "napAfter": "0s",
        "toolCallsPerAction": 8,
        "cpuMillisPerAction": 600_000,
        "state": {"claim": "64Mi", "perTenant": "32Mi"},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "AppBudget",
        "metadata": {"name": BUDGET},
        "spec": {
            "businessUnit": "bench",
            "namespaces": [namespace],
            "runNamespace": run_namespace,
            "tiers": {TIER: tier, NAPPING: tier | {"cpu": "500m", "napAfter": "1s"}},
            "policy": {"maxApps": 10_000, "violations": {"threshold": THRESHOLD, "window": "10m"}},
        },
    }
