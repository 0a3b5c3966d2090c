import page from "./page.html";
import words from "./words.json";
import bytes from "./bytes.bin";
import letters from "./letters.bin";
import { greeting } from "./lib/greeting.js";

let shared;
const never = new Promise(() => {});
const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const json = (value) => Response.json(value);

const routes = {
  "/fine": () => json({ fine: true }),
  "/modules": () => json([page, words.hello, new Uint8Array(bytes)[1], greeting("Zoë"), letters.byteLength]),
  "/later": async () => json((await import("./lib/later.js")).default),
  "/count": async (request, env) => {
    const count = ((await env.STATE.get("count")) ?? 0) + 1;
    await env.STATE.put("count", count);
    return json({ count });
  },
  "/own-writes": async (request, env) => {
    await env.STATE.put("a/1", 1);
    await env.STATE.put("a/2", { two: 2 });
    await env.STATE.put("a/3", 3);
    await env.STATE.delete("a/3");
    const first = await env.STATE.list({ prefix: "a/", limit: 1 });
    const rest = await env.STATE.list({ prefix: "a/", cursor: first.cursor });
    return json([await env.STATE.get("a/2"), [...first], first.cursor, [...rest], rest.cursor]);
  },
  "/after-failure": async (request, env) => {
    await env.STATE.put("lost", 1);
    throw new TypeError("after the write");
  },
  "/lost": async (request, env) => json(await env.STATE.get("lost")),
  "/sql": async (request, env) => {
    await env.STATE.sql("CREATE TABLE IF NOT EXISTS guests (name TEXT, seen BLOB)");
    await env.STATE.sql("INSERT INTO guests VALUES (?, ?)", "Zoë", new Uint8Array([1, 255]));
    const rows = await env.STATE.sql("SELECT name, seen FROM guests WHERE name = :name", { name: "Zoë" });
    return json([rows[0].name, [...rows[0].seen], rows.columns]);
  },
  "/sql-refused": async (request, env) => {
    try {
      await env.STATE.sql("ATTACH 'x' AS y");
    } catch (error) {
      return json([error.name, error.code]);
    }
  },
  "/three": async (request, env) =>
    json(await Promise.all([env.STATE.get("count"), env.FX_RATES.latest({ currency: "EUR" }), sleep(5).then(() => "slept")])),
  "/race": async () => {
    const order = [];
    const slow = sleep(60_000).then(() => order.push("slow"));
    const first = await Promise.race([never, sleep(5).then(() => "quick"), slow]);
    return json([first, order]);
  },
  "/refused": async (request, env) => {
    try {
      await env.FX_RATES.call("latest", { currency: "none" });
    } catch (error) {
      return json([error.name, error.code, error.class]);
    }
  },
  "/uncaught-refusal": async (request, env) => json(await env.NOWHERE.latest({})),
  "/unknown-binding": async (request, env) => json([typeof env.UNKNOWN, Object.keys(Object.getPrototypeOf(env))]),
  "/never": () => never,
  "/settled-by-another": () => new Promise((resolve) => (shared = resolve)),
  "/pause": () => sleep(1000).then(() => json("paused")),
  "/settle": () => {
    if (!shared) return json("nobody waits");
    shared(json("settled"));
    return json("done");
  },
  "/wait-until": (request, env, ctx) => {
    ctx.waitUntil(sleep(5).then(() => env.STATE.put("until", 7)));
    return json("answered");
  },
  "/piped": (request, env, ctx) => {
    const { readable, writable } = new TransformStream();
    ctx.waitUntil(written(writable.getWriter()).then(() => env.STATE.put("until", "piped")));
    return new Response(readable);
  },
  "/piped-for-ever": (request, env, ctx) => {
    ctx.waitUntil(never);
    return new Response(new TransformStream().readable);
  },
  "/until": async (request, env) => json(await env.STATE.get("until")),
  "/wait-until-fails": (request, env, ctx) => {
    ctx.waitUntil(Promise.reject(new Error("background")));
    return json("answered");
  },
  "/log": (request, env) => {
    env.LOG.warning("careful", { size: 3 });
    console.log("printed", { a: 1 });
    return json(null);
  },
  "/unhandled": () => {
    Promise.reject(new RangeError("nobody listens"));
    return json(null);
  },
  "/late-write": (request, env, ctx) => {
    sleep(5).then(() => env.STATE.put("late", 1));
    return json("answered");
  },
  "/long": () => new Response("é".repeat(100_000)),
  "/long-bytes": () => new Response(new Uint8Array(150_000).fill(7)),
  "/half": () => new Response("\ud83d\ude00 \ud83d"),
  "/number": () => 7,
  "/deep": () => json(deep(1e6)),
  "/random": () => json([Math.random(), Math.random()]),
  "/fails": () => {
    throw new TypeError("here");
  },
};

const deep = (n) => (n ? deep(n - 1) + 1 : 0);

async function written(writer) {
  for (const piece of ["one ", "two"]) {
    await sleep(1);
    await writer.write(new TextEncoder().encode(piece));
  }
  await writer.close();
  await sleep(1);
}

export default {
  fetch(request, env, ctx) {
    const path = new URL(request.url).pathname;
    return (routes[path] ?? (() => new Response("nowhere", { status: 404 })))(request, env, ctx);
  },
  async scheduled(controller, env) {
    await env.STATE.put("cron", controller.cron);
  },
  fallback(request) {
    return Response.json({ fallback: request.method });
  },
};
