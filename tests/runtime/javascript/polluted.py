# SPDX-License-Identifier: Apache-2.0
"""Apps that change what JavaScript gives to everybody in their instance: each row is a sentence, and code that runs
while a request is answered.
"""

_THROW = "() => { throw new TypeError('polluted'); }"


def _each(prototype: str) -> str:
    """Replace all methods of an object."""
    return f"""
        for (const name of Reflect.ownKeys({prototype})) {{
          const {{ value }} = Object.getOwnPropertyDescriptor({prototype}, name);
          if (typeof value === "function" && name !== "constructor") {{
            try {{ {prototype}[name] = {_THROW}; }} catch {{}}
          }}
        }}"""


def _property(target: str, name: str) -> str:
    """A getter and a setter that throw, where plain objects find them."""
    return f"Object.defineProperty({target}, {name}, {{ get: {_THROW}, set: {_THROW}, configurable: true }})"


_FIELDS = (
    "action", "answer", "base64", "body", "bodyChunks", "calls", "cancel", "code", "count", "detail", "done", "entry",
    "failed", "fetch", "get", "handled", "headers", "headersText", "id", "inPieces", "kind", "length", "limit",
    "message", "method", "name", "ok", "outstanding", "path", "payload", "piece", "problem", "promise", "query",
    "reason", "request", "resolve", "rest", "results", "set", "status", "stream", "text", "then", "toJSON", "until",
    "value", "wait", "waiting", "wanted", "watched", "writes", "0", "1",
)  # fmt: skip
"""Names that our modules read or write of objects of theirs."""

POLLUTED: list[tuple[str, str]] = [
    ("a name on every object", "Object.prototype.x = 1"),
    ("every object is thenable", "Object.prototype.then = (resolve) => resolve(new Response('hijacked'))"),
    ("every object is JSON of somebody else", "Object.prototype.toJSON = () => 'hijacked'"),
    ("every array is JSON of somebody else", "Array.prototype.toJSON = () => 'hijacked'"),
    ("every text is JSON of somebody else", "String.prototype.toJSON = () => 'hijacked'"),
    *((f"every object has a {name} that throws", _property("Object.prototype", f"'{name}'")) for name in _FIELDS),
    ("every array has a first element", _property("Array.prototype", "0")),
    ("methods of arrays", _each("Array.prototype")),
    ("arrays cannot be iterated", f"Array.prototype[Symbol.iterator] = {_THROW}"),
    ("methods of iterators", _each("Object.getPrototypeOf([][Symbol.iterator]())")),
    ("methods of texts", _each("String.prototype")),
    ("methods of numbers", _each("Number.prototype")),
    ("methods of functions", _each("Function.prototype")),
    ("methods of promises", _each("Promise.prototype")),
    ("then of promises", "Promise.prototype.then = function (resolve) { resolve(new Response('hijacked')); }"),
    ("what makes promises", _each("Promise")),
    ("the constructor of promises", _property("Promise.prototype", "'constructor'")),
    ("methods of maps", _each("Map.prototype")),
    ("methods of weak maps", _each("WeakMap.prototype")),
    ("methods of regular expressions", _each("RegExp.prototype")),
    ("methods of byte arrays", _each("Object.getPrototypeOf(Uint8Array.prototype)")),
    ("methods of errors", _each("Error.prototype")),
    ("traces of errors", f"Error.prepareStackTrace = {_THROW}; Error.stackTraceLimit = {{ valueOf: {_THROW} }}"),
    ("JSON", f"JSON.stringify = {_THROW}; JSON.parse = () => ({{ action: 1, results: {{}} }})"),
    ("Reflect", _each("Reflect")),
    ("Object", _each("Object")),
    ("Math", _each("Math")),
    ("what an instance is", f"Object.defineProperty(Response, Symbol.hasInstance, {{ value: {_THROW} }})"),
    ("the class of responses", "globalThis.Response = class { constructor() { return 'hijacked'; } }"),
    ("methods of responses", _each("Response.prototype")),
    ("methods of requests", _each("Request.prototype")),
    ("methods of headers", _each("Headers.prototype")),
    ("methods of streams", _each("ReadableStream.prototype")),
    (
        "the constructor of responses",
        "Response.prototype.constructor = null; Object.setPrototypeOf(Response.prototype, null)",
    ),
    (
        "every global",
        "for (const name of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[name]; } catch {}",
    ),
    (
        "prototypes that are frozen",
        "for (const one of [Object, Array, Promise, String, Map, Response]) Object.freeze(one.prototype)",
    ),
    (
        "prototypes that are gone",
        "for (const one of [Array, Map, Response, Headers]) Object.setPrototypeOf(one.prototype, null)",
    ),
    (
        "env",
        "Object.defineProperty(Object.getPrototypeOf(env), 'STATE', { get: () => null })",
    ),
    ("methods of state", _each("Object.getPrototypeOf(env.STATE)")),
    ("methods of ctx", _each("Object.getPrototypeOf(ctx)")),
]

SOURCE = """
const pollute = (env, ctx) => {
  %s;
};
const parse = (url) => url.slice(url.lastIndexOf("/") + 1);

export default {
  async fetch(request, env, ctx) {
    const { url } = request;
    const who = parse(url);
    if (who === "pollute") {
      await env.STATE.put("before", "kept");
      pollute(env, ctx);
      return new Response("polluted");
    }
    const before = await env.STATE.get("before");
    await new Promise((resolve) => setTimeout(resolve, 5));
    const again = await env.STATE.get("before");
    await env.STATE.put("who/" + who, { who });
    console.log("I am", who);
    return new Response(`${who} ${before} ${again}`);
  },
};
"""
