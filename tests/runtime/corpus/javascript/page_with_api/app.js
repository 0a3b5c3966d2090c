import config from "./config.json";
import page from "./index.html";

const CORS = { "Access-Control-Allow-Origin": "*" };

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/") {
      return new Response(page.replaceAll("{{title}}", config.title), {
        headers: { "content-type": "text/html; charset=utf-8" },
      });
    }
    if (pathname === "/api/counter") {
      let value = (await env.STATE.get("counter")) ?? 0;
      if (request.method === "POST") {
        const body = await request.text();
        value += body ? (JSON.parse(body).step ?? 1) : 1;
        await env.STATE.put("counter", value);
      }
      return Response.json({ value }, { headers: CORS });
    }
    return new Response("Not found", { status: 404, headers: CORS });
  },
};
