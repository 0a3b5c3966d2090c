# SPDX-License-Identifier: Apache-2.0
"""Source of an app that does everything an app must not do; each handler is one way to misbehave."""

SOURCE = r'''
import json
import random
import re
import time
import typing

from genapps import Response, app, gather, log, state, tools, ToolError

# The sandbox is WebAssembly, not Python: a determined app reaches every module of its own interpreter.
os = random._os
sys = typing.sys


@app.get("/fine")
async def fine(request):
    return {"fine": True}


@app.get("/loop")
async def loop(request):
    while True:
        pass


@app.get("/loop-in-c")
async def loop_in_c(request):
    return bool(re.match(r"(a+)+$", "a" * 40 + "b"))


@app.get("/swallow")
async def swallow(request):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


@app.get("/allocate")
async def allocate(request):
    hoard = []
    while True:
        hoard.append(bytearray(1024 * 1024))


@app.get("/allocate-at-once")
async def allocate_at_once(request):
    return len(b"x" * 10**9)


@app.get("/recurse")
async def recurse(request):
    def deeper(n):
        return deeper(n + 1) + 1
    return deeper(0)


@app.get("/recurse-without-limit")
async def recurse_without_limit(request):
    sys.setrecursionlimit(10**9)
    def deeper(n):
        return [deeper(n + 1) for _ in (0,)]
    return deeper(0)


@app.get("/nested")
async def nested(request):
    return json.loads("[" * 200_000)


@app.post("/json")
async def read_json(request):
    return {"type": type(await request.json()).__name__}


@app.get("/abort")
async def abort(request):
    sys.modules["_signal"].raise_signal(6)


@app.get("/os-abort")
async def os_abort(request):
    os.abort()


@app.get("/exit")
async def leave(request):
    os._exit(0)


@app.get("/raise")
async def fail(request):
    raise ValueError("this is not\x1b[31m how it should go\n")


@app.get("/raise-exit")
async def fail_hard(request):
    raise SystemExit(3)


@app.get("/raise-unprintable")
async def fail_unprintably(request):
    class Nasty(Exception):
        def __str__(self):
            raise RuntimeError("no")
    raise Nasty


@app.get("/print-gigabyte")
async def print_gigabyte(request):
    line = "x" * 1_000_000
    for _ in range(1000):
        print(line)
    return "printed"


@app.get("/log-nonsense")
async def log_nonsense(request):
    import genapps
    log_module = sys.modules["genapps.logs"]
    for record in ("", "null", "[]", '{"level": 5}', '{"level": "info", "message": {"a": 1}}', "\x1b[2J\r\n{}"):
        log_module.host.log(record)
    log.info("\x1b[31mred\x1b[0m\nnew line", key="\x07")
    return "logged"


@app.get("/log-hog")
async def log_hog(request):
    sys.modules["genapps.logs"].host.log("x" * 20_000_000)
    return "logged"


@app.get("/huge-response")
async def huge_response(request):
    return "x" * 2_000_000


@app.get("/huge-binary-response")
async def huge_binary_response(request):
    return b"\x00" * 2_000_000


@app.get("/object")
async def return_object(request):
    return object()


@app.get("/nan")
async def nan(request):
    return {"value": float("nan")}


@app.get("/surrogate")
async def surrogate(request):
    return Response("", headers={"x-half": "\ud800"})


@app.get("/bad-header")
async def bad_header(request):
    return Response("", headers={"x-split\r\nset-cookie": "a=b"})


@app.get("/bad-header-value")
async def bad_header_value(request):
    return Response("", headers={"x-split": "a\r\nset-cookie: a=b"})


@app.get("/wide-header-value")
async def wide_header_value(request):
    return Response("", headers={"x-wide": "\u20ac"})


@app.get("/reserved-header")
async def reserved_header(request):
    return Response("hello", headers={"Content-Length": "1"})


@app.get("/many-headers")
async def many_headers(request):
    return Response("", headers={f"x-{number}": "1" for number in range(1000)})


@app.get("/bad-status")
async def bad_status(request):
    return Response("", status=101)


@app.get("/text-status")
async def text_status(request):
    return Response("", status="two hundred")


@app.get("/sleep")
async def sleep(request):
    time.sleep(3600)


@app.get("/sleep-below")
async def sleep_below(request):
    sys.modules["select"].select([], [], [], 3600)


@app.get("/open")
async def open_file(request):
    return open("/etc/passwd").read()


@app.get("/list-files")
async def list_files(request):
    return os.listdir("/etc")


@app.get("/environment")
async def environment(request):
    return dict(os.environ)


@app.get("/import-later")
async def import_later(request):
    import subprocess


@app.get("/await-number")
async def await_number(request):
    await 5


class Yields:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        return (yield self.value)


@app.get("/yield-number")
async def yield_number(request):
    return await Yields(5)


@app.get("/yield-piece")
async def yield_piece(request):
    return await Yields({"text": 5})


@app.get("/yield-nothing")
async def yield_nothing(request):
    return await Yields([])


@app.get("/many-calls")
async def many_calls(request):
    async def one(number):
        try:
            return await tools.call("payroll", "list", number=number)
        except ToolError as refused:
            return refused.code
    return await gather(*[one(number) for number in range(50)])


@app.get("/endless-reads")
async def endless_reads(request):
    while True:
        await state.get("nothing")


@app.get("/endless-pieces")
async def endless_pieces(request):
    while True:
        await Yields({"text": "x" * 65536})


@app.get("/very-many-reads")
async def very_many_reads(request):
    return len(await gather(*[state.get(str(number)) for number in range(5000)]))


@app.get("/fill-state")
async def fill_state(request):
    await state.put("kept", 1)
    for number in range(3):
        await state.put(str(number), "x" * 200_000)


@app.get("/big-value")
async def big_value(request):
    await state.put("big", "x" * 300_000)


@app.get("/nan-argument")
async def nan_argument(request):
    await tools.call("rates", "latest", value=float("nan"))


@app.get("/bad-key")
async def bad_key(request):
    await state.put("", 1)


@app.get("/kept")
async def kept(request):
    return {"kept": await state.get("kept")}


@app.get("/random-flood")
async def random_flood(request):
    while True:
        os.urandom(4096)


@app.get("/random-hog")
async def random_hog(request):
    return len(sys.modules["genapps.logs"].host.random(2**31))


def forged(turn):
    """Make the engine itself answer that."""
    sys.modules["genapps.turns"].done = lambda *_: turn


@app.get("/forge/{kind}")
async def forge(request, kind):
    response = {"status": 200, "headers": [], "body": {"text": ""}}
    forged({
        "empty": "",
        "not-json": "{",
        "list": "[]",
        "unknown": '{"surprise": 1}',
        "two": '{"emit": {"text": ""}, "calls": []}',
        "no-calls": '{"calls": []}',
        "bad-call": '{"calls": [{"id": 1, "exec": {"command": "ls"}}]}',
        "bad-arguments": '{"calls": [{"id": 1, "tool": {"connector": "a", "tool": "b", "arguments": "c"}}]}',
        "wait-list": '{"wait": []}',
        "wait-half": '{"wait": {"calls": []}}',
        "wait-cancel": '{"wait": {"calls": [], "cancel": ["x"], "wake": []}}',
        "wait-wake": '{"wait": {"calls": [], "cancel": [], "wake": [-1]}}',
        "wait-much": json.dumps({"wait": {"calls": [], "cancel": [], "wake": [1] * 1001}}),
        "timer-short": '{"calls": [{"id": 1, "timer": {"millis": 0}}]}',
        "timer-long": '{"calls": [{"id": 1, "timer": {"millis": 1e300}}]}',
        "no-response": '{"done": {}}',
        "base64": json.dumps({"done": {"response": response | {"body": {"base64": "%%%"}}, "writes": []}}),
        "big-piece": json.dumps({"done": {"response": response | {"body": {"text": "x" * 70_000}}, "writes": []}}),
        "surrogate": json.dumps({"done": {"response": response | {"body": {"text": "\ud800"}}, "writes": []}}),
        "bad-writes": json.dumps({"done": {"response": response, "writes": [["key", 5]]}}),
        "float-status": json.dumps({"done": {"response": response | {"status": 2e2}, "writes": []}}),
        "foreign-code": '{"failed": {"code": "StateFull", "detail": "I say so"}}',
        "compact-fields": "200\0[]\0",
        "compact-headers": "200\0{}\0\0",
        "compact-writes": '200\0[]\0[["key", 5]]\0',
        "compact-big-piece": "200\0[]\0\0" + "x" * 70_000,
        "compact-call": "get\0one\0key",
        "nested": "[" * 100_000,
        "huge": '{"done": "' + "x" * 5_000_000 + '"}',
        "huge-number": '{"done": {"response": {"status": 1' + "0" * 5000 + "}}}",
    }[kind])


@app.get("/break-engine")
async def break_engine(request):
    sys.modules["genapps.turns"].done = None


@app.get("/wait")
async def wait(request):
    try:
        return await tools.call("slow", "wait")
    except ToolError as refused:
        return {"refused": refused.code}


@app.get("/wait-stubbornly")
async def wait_stubbornly(request):
    try:
        await tools.call("slow", "wait")
    finally:
        while True:
            pass
'''
