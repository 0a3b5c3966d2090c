import DEFAULT from "./welcome.md";
import { escape, render } from "./lib/markdown.mjs";

export default {
  async fetch(request, env) {
    const [name, suffix] = new URL(request.url).pathname.slice(1).split("/").map(decodeURIComponent);
    const key = `page/${name}`;
    if (request.method === "PUT") {
      await env.STATE.put(key, await request.text());
      return Response.json({ saved: name });
    }
    const source = (await env.STATE.get(key)) ?? DEFAULT;
    if (suffix === "raw") return new Response(source, { headers: { "content-type": "text/plain; charset=utf-8" } });
    return new Response(`<!doctype html><title>${escape(name)}</title><body>${render(source)}</body>`, {
      headers: { "content-type": "text/html; charset=utf-8" },
    });
  },
};
