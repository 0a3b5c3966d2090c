// GitHub-style webhook receiver with HMAC verification.
const SECRET = "dev-secret";
const encoder = new TextEncoder();

const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

async function verify(body, header) {
  if (!/^sha256=[0-9a-f]{64}$/.test(header ?? "")) return false;
  const key = await crypto.subtle.importKey("raw", encoder.encode(SECRET), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  return crypto.subtle.verify("HMAC", key, fromHex(header.slice(7)), body);
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (request.method === "GET" && pathname === "/deliveries") {
      const found = await env.STATE.list({ prefix: "delivery/" });
      return Response.json([...found].map(([key, value]) => ({ id: key.split("/")[1], ...value })));
    }
    if (request.method !== "POST" || pathname !== "/webhook") return new Response("Not found", { status: 404 });

    const body = await request.arrayBuffer();
    const delivery = request.headers.get("X-GitHub-Delivery");
    if (!(await verify(body, request.headers.get("X-Hub-Signature-256")))) {
      console.warn("Invalid signature for delivery", delivery);
      return Response.json({ error: "invalid signature" }, { status: 401 });
    }
    let payload;
    try {
      payload = JSON.parse(new TextDecoder().decode(body));
    } catch {
      return Response.json({ error: "invalid JSON" }, { status: 400 });
    }
    const event = request.headers.get("X-GitHub-Event") ?? "unknown";
    if (await env.STATE.get(`delivery/${delivery}`)) return Response.json({ status: "duplicate" });
    const stored = { event, at: new Date().toISOString(), repo: payload.repository?.full_name ?? null };
    ctx.waitUntil(env.STATE.put(`delivery/${delivery}`, stored));
    env.LOG.info(`Accepted ${event}`, { delivery });
    return Response.json({ status: "accepted", event }, { status: 202 });
  },
};
