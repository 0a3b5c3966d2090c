// SPDX-License-Identifier: Apache-2.0
// The same things that our side does, as workerd does them: an app loaded from source that was never seen, a loaded
// app answering, at once, at length or after 10 ms, and a loaded app that reads and durably writes state of its own, by key and by SQL.
import { DurableObject } from "cloudflare:workers";

const APP = `
import { DurableObject } from "cloudflare:workers";
const filler = "x".repeat(16 * 1024);
export default {
  async fetch(request) {
    const path = new URL(request.url).pathname;
    if (path === "/wait") await scheduler.wait(10);
    if (path === "/large") {
      return new Response(JSON.stringify({ hello: path, filler }), { headers: { "content-type": "application/json" } });
    }
    return new Response(JSON.stringify({ hello: path }), { headers: { "content-type": "application/json" } });
  },
};
export class Counter extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, n INTEGER NOT NULL)");
  }
  async fetch(request) {
    const url = new URL(request.url);
    const key = url.searchParams.get("key") ?? "";
    if (url.pathname === "/sql") {
      const text =
        "INSERT INTO counts VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1 RETURNING n";
      const row = this.ctx.storage.sql.exec(text, key).one();
      return new Response(JSON.stringify({ count: row.n }), { headers: { "content-type": "application/json" } });
    }
    const count = (this.ctx.storage.kv.get(key) ?? 0) + 1;
    this.ctx.storage.kv.put(key, count);
    return new Response(JSON.stringify({ count }), { headers: { "content-type": "application/json" } });
  }
}
`;

const worker = (source) => () => ({
  compatibilityDate: "2026-03-01",
  mainModule: "app.js",
  modules: { "app.js": source },
  globalOutbound: null,
});

export class Stateful extends DurableObject {
  async fetch(request) {
    const app = this.ctx.facets.get("app", () => ({
      class: this.env.LOADER.get("stateful", worker(APP)).getDurableObjectClass("Counter"),
    }));
    return app.fetch(request);
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/never-seen/")) {
      const id = url.pathname.slice("/never-seen/".length);
      return env.LOADER.get(`app-${id}`, worker(`${APP}\n// ${id}`)).getEntrypoint().fetch(request);
    }
    if (url.pathname === "/state" || url.pathname === "/sql") {
      return env.STATEFUL.get(env.STATEFUL.idFromName("app")).fetch(request);
    }
    return env.LOADER.get("warm", worker(APP)).getEntrypoint().fetch(request);
  },
};
