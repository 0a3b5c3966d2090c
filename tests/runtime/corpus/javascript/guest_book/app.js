class HTTPError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const escape = (s) => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

async function show(env) {
  const entries = await env.STATE.list({ prefix: "entry/", limit: 1000 });
  const rows = [...entries.values()]
    .reverse()
    .map((e) => `<p><b>${escape(e.name)}</b>: ${escape(e.text)}</p>`);
  return new Response(
    `<html><body>
      <h1>Guest book (${entries.size})</h1>
      <form method="post"><input name="name"><textarea name="text"></textarea><button>Sign</button></form>
      ${rows.join("\n")}
    </body></html>`,
    { headers: { "content-type": "text/html; charset=utf-8" } },
  );
}

async function sign(request, env) {
  const form = await request.formData();
  const { name, text } = Object.fromEntries(form);
  if (!name?.trim() || !text?.trim()) throw new HTTPError(400, "name and text are needed");
  if (text.length > 500) throw new HTTPError(400, "at most 500 characters");
  const number = ((await env.STATE.get("count")) ?? 0) + 1;
  await Promise.all([
    env.STATE.put("count", number),
    env.STATE.put(`entry/${String(number).padStart(8, "0")}`, { name, text, at: Date.now() }),
  ]);
  return new Response(null, { status: 303, headers: { location: "/" } });
}

export default {
  async fetch(request, env) {
    try {
      return request.method === "POST" ? await sign(request, env) : await show(env);
    } catch (err) {
      if (err instanceof HTTPError) return new Response(err.message, { status: err.status });
      throw err;
    }
  },
};
