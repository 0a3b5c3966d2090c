# SPDX-License-Identifier: Apache-2.0
"""What an app does wrong ends its own request with an error, and never its instance: no turn is one that the host
refuses.
"""

from collections.abc import Callable

import orjson
import pytest

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import RefusedError
from tests.support import guest
from tests.support.guest import AppInEngine

HANDLER = "%s\nexport default { async fetch(request, env, ctx) { %s } };"
SET = ["number", "answer", "until", "error", "waiting", "wanted", "writes", "watched", "ended"]
Made = Callable[[str], AppInEngine]


@pytest.fixture
def made(javascript: Language, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Loads the source of an app that may call the connectors fx-rates and log."""

    def with_connectors(bundle: Bundle, log_bytes: int, language: str) -> str:
        return load_message(bundle, log_bytes, language, ["fx-rates", "log"])

    monkeypatch.setattr(guest, "load_message", with_connectors)
    return lambda source: AppInEngine(javascript, source, "app.js", "javascript")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("throw new Error('\\ud83d')", "Error: \N{REPLACEMENT CHARACTER}"),
        ("throw new Error('a'.repeat(992) + '\\u{1F600}')", f"Error: {'a' * 992}\N{REPLACEMENT CHARACTER}"),
        ("throw Object.create(null)", "the app threw something that cannot be described"),
        ("throw new Proxy({}, { get() { throw 1 } })", "the app threw something that cannot be described"),
        ("throw Symbol('a')", "Symbol(a)"),
        ("await env.STATE.list({ limit: 1001 })", "RangeError: a listing of state has at most 1000 entries, not 1001"),
        ("await env.STATE.list({ limit: 'x' })", "TypeError: the limit of a listing is a whole number"),
        ("await env.STATE.list({ limit: 2.5 })", "TypeError: the limit of a listing is a whole number"),
        ("await env.STATE.sql('SELECT ?', NaN)", "TypeError: SQL has no NaN"),
    ],
)
def test_an_error_is_the_requests_alone(made: Made, body: str, detail: str) -> None:
    answer = made(HANDLER % ("", body)).call("GET", "/")
    assert (answer.code, answer.detail) == ("AppFailed", detail)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("[1]", "TypeError"),
        ("7", "TypeError"),
        ("new Date(0)", "TypeError"),
        ("{ toJSON: () => undefined }", "TypeError"),
        ("{ a: 1n }", "TypeError"),
        ("(() => { const round = {}; round.round = round; return round; })()", "TypeError"),
        ("{ toJSON() { throw new RangeError(); } }", "RangeError"),
    ],
)
def test_arguments_that_no_tool_takes_reject_the_call(made: Made, arguments: str, name: str) -> None:
    app = made(HANDLER % ("", f"return env.FX_RATES.latest({arguments}).catch((error) => new Response(error.name));"))
    assert app.call("GET", "/").body.decode() == name
    assert app.tools == []


def test_arguments_are_those_of_the_time_of_the_call(made: Made) -> None:
    body = "const n = { n: 1 }; const call = env.FX_RATES.latest(n); n.n = 2; return Response.json(await call);"
    assert made(HANDLER % ("", body)).call("GET", "/").json() == {"n": 1}


@pytest.mark.parametrize(
    "text", ["\\ud83d", "a\\udfffb", "\\\\ud83d", "\\\\\\ud83d", "\\u{1F600}", "\\ud83d\\ud83d\\ude00"]
)
def test_half_a_character_is_replaced_for_tools_and_state(made: Made, text: str) -> None:
    body = f"await env.STATE.put('k', '{text}'); return Response.json(await env.FX_RATES.latest({{ t: '{text}' }}));"
    app = made(HANDLER % ("", body))
    answer = app.call("GET", "/")
    assert answer.code == ""
    expected = text.encode("ascii").decode("unicode_escape", "surrogatepass") if "u{" not in text else "\U0001f600"
    expected = expected.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert app.tools[0]["arguments"] == {"t": expected}
    assert orjson.loads(app.state["k"]) == expected


def test_only_calls_of_tools_are_calls_of_tools(made: Made) -> None:
    body = """
      const seen = [JSON.stringify({ fx: env.FX_RATES }), typeof env.FX_RATES.then];
      try { seen.push(`${env.FX_RATES}`); } catch (error) { seen.push(error.name); }
      return Response.json(seen);"""
    app = made(HANDLER % ("", body))
    assert app.call("GET", "/").json() == ['{"fx":{}}', "undefined", "TypeError"]
    assert app.tools == []


def test_a_connector_does_not_take_the_place_of_the_log(made: Made) -> None:
    app = made(HANDLER % ("", "env.LOG.info('here'); return Response.json(await env.LOG_.send({ a: 1 }));"))
    assert app.call("GET", "/").json() == {"a": 1}
    assert app.log[0]["message"] == "here"


@pytest.mark.parametrize(
    "change",
    [
        "Object.prototype.toJSON = () => 'x';",
        "Array.prototype.toJSON = () => 'x';",
        "String.prototype.toJSON = () => 'x';",
        "Object.prototype.extra = 1;",
        "Array.prototype[Symbol.iterator] = () => { throw new Error('iterated'); };",
        f"for (const name of {SET}) Object.defineProperty(Object.prototype, name, {{ set() {{ throw Error(); }} }});",
        "Array.prototype.push = Array.prototype.join = Array.prototype.map = () => { throw new Error('list'); };",
        "globalThis.JSON = globalThis.Promise = globalThis.Map = globalThis.InternalError = undefined;",
    ],
)
def test_turns_do_not_change_with_the_built_ins(made: Made, change: str) -> None:
    body = """
      if (request.method === "DELETE") throw new Error("gone");
      await env.STATE.put("a", "text");
      const both = [env.STATE.get("b"), env.STATE.get("c")];
      await both[0];
      await both[1];
      await env.STATE.list({ prefix: "b" });
      await env.FX_RATES.latest(%s);
      await new Promise_((resolve) => setTimeout(resolve, 5));
      ctx.waitUntil(env.STATE.get("d"));
      return new Response("é".repeat(40000));"""
    source = HANDLER % (f"const Promise_ = Promise;\n{change}", body % "{ toJSON: undefined, n: 1 }")
    app = made(source)
    answer = app.call("GET", "/")
    assert (answer.status, answer.detail, answer.body.decode()) == (200, "", "é" * 40000)
    assert app.state == {"a": '"text"'}
    assert app.tools[0]["arguments"] == {"n": 1}
    assert app.call("DELETE", "/").detail == "Error: gone"


@pytest.mark.parametrize(
    "change",
    [
        "Array.prototype[Symbol.iterator] = () => { throw new Error('iterated'); };",
        "Object.getPrototypeOf([][Symbol.iterator]()).next = () => { throw new Error('iterated'); };",
        "Uint8Array.prototype.constructor = { [Symbol.species]: thrown };",
        "for (const name of ['shift', 'splice', 'slice']) Array.prototype[name] = thrown;",
    ],
)
def test_streams_do_not_change_with_the_built_ins(made: Made, change: str) -> None:
    body = """
      const both = request.body.tee();
      const reader = both[0].getReader({ mode: "byob" });
      let text = "";
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(2));
        if (done) break;
        text += decoder.decode(value);
      }
      const url = new URL("http://a.example:81/");
      return new Response(text + (await new Response(both[1].pipeThrough(new TransformStream())).text()) + url.port);"""
    before = f"const decoder = new TextDecoder(); const thrown = () => {{ throw new Error('thrown'); }};\n{change}"
    answer = made(HANDLER % (before, body)).call("POST", "/", b"hello")
    assert (answer.status, answer.detail, answer.body) == (200, "", b"hellohello81")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("throw Object.create(null);", "app.js, line 0: it threw something that cannot be described"),
        ("\nthrow new Error('\\ud83d');", "app.js, line 2: Error: \N{REPLACEMENT CHARACTER}"),
        ("await new Promise(() => {});", "app.js, line 0: Error: the code waits at its top level"),
        ("import 'genapps:native';", 'app.js, line 1: the module "genapps:native" is not available'),
        ("import './__proto__';", 'app.js, line 1: the bundle has no file "__proto__"'),
        ("export default { fetch: 1 };", "app.js, line 0: Error: the app answers no request"),
    ],
)
def test_code_that_does_not_load_is_told_why(made: Made, source: str, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        made(source)
    assert message in str(refused.value)


def test_a_rejection_while_the_code_loads_is_no_requests(made: Made) -> None:
    app = made(HANDLER % ("Promise.reject(new Error('early'));", "return new Response('ok');"))
    assert [one["message"] for one in app.log] == ["a promise was rejected and nobody handles it: Error: early"]
    app.call("GET", "/")
    assert len(app.log) == 1


SCHEDULED = """
export default {
  fetch: (request) => new Response(request.headers.get("genapps-schedule")),
  async scheduled(controller, env) { await env.STATE.put("ran", controller.cron); },
};"""


def test_a_tick_runs_what_is_for_schedules(made: Made) -> None:
    app = made(SCHEDULED)
    assert app.call("POST", "/", b"", [(b"genapps-schedule", b"nightly")], own=True).status == 204
    assert app.state == {"ran": '"nightly"'}


def test_a_caller_is_no_schedule(made: Made) -> None:
    app = made(SCHEDULED)
    headers = [(b"x-genapps-schedule", b"a"), (b"x", b'"genapps-schedule":"b"'), (b"genapps-schedule", b"c")]
    assert app.call("POST", "/", b"", headers).status == 200
    assert app.state == {}
