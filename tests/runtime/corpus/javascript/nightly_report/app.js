// Sales are counted as they come; every night a report is written and old ones are removed.
const KEEP = 2;
const day = (millis) => new Date(millis).toISOString().slice(0, 10);

async function tally(env, product) {
  const count = (await env.STATE.get(`sold/${product}`)) ?? 0;
  await env.STATE.put(`sold/${product}`, count + 1);
  console.log("counted", { product, count: count + 1 });
}

async function report(env, name) {
  const sold = await env.STATE.list({ prefix: "sold/" });
  const lines = Array.from(sold, ([key, count]) => `${key.slice(5)}: ${count}`);
  const number = ((await env.STATE.get("reports")) ?? 0) + 1;
  await env.STATE.put("reports", number);
  await env.STATE.put(`report/${number}`, { by: name, lines });
  await Promise.all([...sold.keys()].map((key) => env.STATE.delete(key)));
  if (number > KEEP) await env.STATE.delete(`report/${number - KEEP}`);
}

export default {
  async fetch(request, env, ctx) {
    const [, page, product] = new URL(request.url).pathname.split("/");
    if (page === "sell" && request.method === "POST") {
      ctx.waitUntil(tally(env, product));
      return new Response(null, { status: 202 });
    }
    if (page === "reports") {
      const found = await env.STATE.list({ prefix: "report/" });
      return Response.json(Object.fromEntries(found));
    }
    if (page === "break") {
      ctx.waitUntil(Promise.reject(new Error("nobody waits for me")));
      return new Response("fine");
    }
    return new Response("Not found", { status: 404 });
  },

  async scheduled(controller, env, ctx) {
    if (!day(controller.scheduledTime)) throw new Error("no day");
    ctx.waitUntil(report(env, controller.cron));
  },
};
