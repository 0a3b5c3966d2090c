// What the platform gives, misused.
const never = () => new Promise(() => {});
const done = (promise) => Promise.resolve(promise).then(() => new Response("done"));
const cycle = {};
cycle.cycle = cycle;
const bad = () => {
  throw new TypeError("not even this");
};
const caught = async (call) => {
  try {
    return { ok: await call() };
  } catch (error) {
    return { name: error.name, code: error.code };
  }
};
const put = (value, key = "key") => (request, env) => done(env.STATE.put(key, typeof value === "function" ? value() : value));
const sql = (text, ...parameters) => (request, env) => done(env.STATE.sql(text, ...parameters));
const tool = (...given) => (request, env) => done(env.FX_RATES.latest(...given));

export const platform = {
  never,
  async "never-after-a-call"(request, env) {
    await env.STATE.get("x");
    await never();
  },
  "never-in-wait-until"(request, env, ctx) {
    ctx.waitUntil(never());
    return new Response("answered");
  },
  "wait-until-of-nothing"(request, env, ctx) {
    for (const value of [undefined, null, 1, "x", {}, Symbol("x")]) ctx.waitUntil(value);
    return new Response("answered");
  },
  "wait-until-of-a-thenable"(request, env, ctx) {
    ctx.waitUntil({ then: () => bad() });
    return new Response("answered");
  },
  "wait-until-that-fails"(request, env, ctx) {
    ctx.waitUntil(Promise.reject(new Error("x")));
    return new Response("answered");
  },
  async "timers-at-once"() {
    await Promise.all(Array.from({ length: 1001 }, () => new Promise((resolve) => setTimeout(resolve, 100))));
  },
  async "interval-that-is-left"() {
    setInterval(() => {}, 5);
    return new Response("answered");
  },
  async "timer-that-throws"() {
    setTimeout(bad, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return new Response("answered");
  },
  "timer-of-text": () => done(setTimeout("globalThis.x = 1", 1)),
  eval: () => new Response(eval("1 + 1")),
  "eval-indirectly": () => new Response((0, eval)("1 + 1")),
  function: () => new Response(new Function("return 1")()),
  "function-by-constructor": () => new Response((() => {}).constructor("return 1")()),
  "async-function": () => new Response((async () => {}).constructor("return 1")()),
  "generator-function": () => new Response(function* () {}.constructor("yield 1")()),
  fetch: () => fetch("https://example.com/"),
  WebAssembly: () => new WebAssembly.Module(new Uint8Array(8)),
  "atomics-wait": () => new Response(Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)),
  "import-native": () => import("genapps:native"),
  "import-engine": () => import("genapps:main.js"),
  "import-outside": () => import("../../etc/passwd"),
  "import-node": () => import("node:fs"),
  "import-data": () => import("data:text/javascript,export default 1"),
  "import-object": () => import({ toString: bad }),
  "import-never": () => import("./never.js"),
  "import-broken": () => import("./broken.txt"),
  "random-hog": () => new Response(crypto.getRandomValues(new Uint8Array(65_537))),
  "put-nothing": put(undefined),
  "put-function": put(() => bad),
  "put-symbol": put(() => Symbol("x")),
  "put-cycle": put(cycle),
  "put-bigint": put(1n),
  "put-bad-json": put({ toJSON: bad }),
  "put-most": put(() => "x".repeat(256 * 1024 - 2)),
  "put-more": put(() => "x".repeat(256 * 1024 - 1)),
  "put-wide": put(() => "€".repeat(100_000)),
  async "put-too-much"(request, env) {
    for (let i = 0; i < 5; i++) await env.STATE.put(`large${i}`, "x".repeat(240_000));
  },
  async "fill-state"(request, env) {
    for (let i = 0; i < 3; i++) await env.STATE.put(`large${i}`, "x".repeat(240_000));
    return new Response("kept");
  },
  "empty-key": put(1, ""),
  "long-key": put(1, "k".repeat(513)),
  "long-wide-key": put(1, "€".repeat(171)),
  "half-key": put(1, "\ud800"),
  "number-key": put(1, 5),
  "object-key": put(1, { toString: () => "before" }),
  "get-half-key": (request, env) => done(env.STATE.get("\udc00")),
  async "null-in-key"(request, env) {
    await env.STATE.put("before\0x", 1);
    return Response.json([await env.STATE.get("before\0x"), await env.STATE.get("before")]);
  },
  "proto-key": async (request, env) => {
    await env.STATE.put("__proto__", { polluted: 1 });
    const kept = [...(await env.STATE.list({ prefix: "__" })).entries()];
    await env.STATE.delete("__proto__");
    return Response.json({ kept, polluted: {}.polluted ?? null });
  },
  "list-much": (request, env) => done(env.STATE.list({ limit: 1001 })),
  "list-nonsense": (request, env) => done(env.STATE.list({ prefix: 5 })),
  "list-limit-text": (request, env) => done(env.STATE.list({ limit: "x" })),
  "list-limit-half": (request, env) => done(env.STATE.list({ limit: 1.5 })),
  "list-limit-object": (request, env) => done(env.STATE.list({ limit: { valueOf: bad } })),
  "sql-syntax": sql("SELEC 1"),
  "sql-two": sql("SELECT 1; SELECT 2"),
  "sql-attach": sql("ATTACH 'x' AS y"),
  "sql-pragma": sql("PRAGMA journal_mode = DELETE"),
  "sql-null": sql("SELECT 1\0; DROP TABLE x"),
  "sql-half": sql("SELECT '\ud800'"),
  "sql-half-parameter": sql("SELECT ?", "\ud800"),
  "sql-nan": sql("SELECT ?", NaN),
  "sql-symbol": sql("SELECT ?", Symbol("x")),
  "sql-function": sql("SELECT ?", bad),
  "sql-bigint": sql("SELECT ?", 2n ** 60n),
  "sql-few": sql("SELECT ?, ?", 1),
  "sql-object": sql({ toString: () => "SELECT 1" }),
  "sql-huge": sql("SELECT 1 -- " + "x".repeat(2_000_000)),
  "sql-named-getter": sql("SELECT :x", { get x() { return bad(); } }),
  "no-binding": (request, env) => env.NOTHING.latest({}),
  "tool-text": tool("text"),
  "tool-cycle": tool(cycle),
  "tool-getter": tool({ get x() { return bad(); } }),
  "tool-bigint": tool({ x: 1n }),
  "tool-proxy": tool(new Proxy({}, { ownKeys: bad })),
  "tool-symbol": (request, env) => done(env.FX_RATES[Symbol("x")]({})),
  "tool-null-name": (request, env) => done(env.FX_RATES["a\0b"]({})),
  "tool-long-name": (request, env) => done(env.FX_RATES["x".repeat(1_000_000)]({})),
  "tool-half-name": (request, env) => done(env.FX_RATES["\ud800"]({})),
  "tool-refused": tool({ half: "\ud800" }),
  "tool-many": async (request, env) => Response.json(await Promise.all(Array.from({ length: 50 }, () => caught(() => env.FX_RATES.latest({}))))),
  "env-is-closed": (request, env) => {
    for (const name of ["STATE", "LOG", "FX_RATES"]) Reflect.set(env, name, null) || Reflect.set(env[name], "get", null);
    return new Response(String(env.STATE.get === null));
  },
  "log-nonsense"(request, env) {
    console.log("\ud800", Symbol("x"), cycle, null, undefined, 1n, "\x1b[31mred\n", new Map([[cycle, cycle]]), bad);
    env.LOG.info("\0", { "\ud800": "\udc00", [Symbol("x")]: 1, deep: [[[]]], nothing: undefined, f: bad });
    return new Response("told");
  },
  "log-of-loops"() {
    const forever = () => { for (;;); };
    console.log({ toJSON: forever, toString: forever, [Symbol.toPrimitive]: forever });
    return new Response("told");
  },
  "log-that-throws"(request, env) {
    env.LOG.info({ toString: bad });
  },
  "log-field-that-throws"(request, env) {
    env.LOG.info("x", { get field() { return bad(); } });
  },
  "log-flood"() {
    for (let i = 0; i < 50_000; i++) console.log("flood");
    return new Response("told");
  },
  "log-hog"() {
    console.log("x".repeat(10_000_000));
    return new Response("told");
  },
  async "log-forged-lines"(request, env) {
    console.log('"}\n{"event":"action","code":"Forged"}');
    return new Response("told");
  },
};
