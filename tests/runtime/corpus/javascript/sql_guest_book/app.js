const PAGE_SIZE = 3;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  message TEXT NOT NULL CHECK (length(message) <= 500),
  created_at TEXT NOT NULL
)`;

const html = (strings, ...values) => String.raw({ raw: strings }, ...values.map((v) => (v?.safe ?? escapeHtml(v))));
const safe = (text) => ({ safe: text });
const escapeHtml = (value) =>
  String(value).replace(/[&<>'"]/g, (c) => `&#${c.charCodeAt(0)};`);

const routes = [
  ["GET", /^\/$/, index],
  ["POST", /^\/$/, sign],
  ["DELETE", /^\/entries\/(?<id>\d+)$/, remove],
  ["GET", /^\/entries\/by\/(?<name>[^/]+)$/, byName],
];

async function index({ db, url }) {
  const page = Math.max(1, Number(url.searchParams.get("page") ?? 1));
  if (!Number.isInteger(page)) return Response.json({ error: "page must be a number" }, { status: 400 });
  const [{ total }] = await db.sql("SELECT COUNT(*) AS total FROM entries");
  const pages = Math.max(1, Math.ceil(total / PAGE_SIZE));
  const rows = await db.sql(
    "SELECT id, name, message FROM entries ORDER BY id DESC LIMIT ? OFFSET ?", PAGE_SIZE, (page - 1) * PAGE_SIZE,
  );
  const items = rows.map((row) => html`<li id='${row.id}'><b>${row.name}</b>: ${row.message}</li>`).join("");
  const links = Array.from({ length: pages }, (_, i) => html`<a href='/?page=${i + 1}'>${i + 1}</a>`).join("");
  const body = html`<h1>Guest book (${total})</h1><ul>${safe(items)}</ul><nav>${safe(links)}</nav>`;
  return new Response(body, { headers: { "content-type": "text/html; charset=utf-8" } });
}

async function sign({ db, request }) {
  const form = await request.formData();
  const [name, message] = ["name", "message"].map((field) => form.get(field)?.trim() ?? "");
  if (!name || !message) return Response.json({ error: "name and message are required" }, { status: 400 });
  await db.sql("INSERT INTO entries (name, message, created_at) VALUES (:name, :message, :at)", {
    name: name.slice(0, 80), message: message.slice(0, 500), at: new Date().toISOString(),
  });
  return new Response(null, { status: 303, headers: { location: "/" } });
}

async function remove({ db, params }) {
  const { changes } = await db.sql("DELETE FROM entries WHERE id = ?", Number(params.id));
  return Response.json({ deleted: changes }, { status: changes ? 200 : 404 });
}

async function byName({ db, params }) {
  const name = decodeURIComponent(params.name);
  const rows = await db.sql("SELECT id FROM entries WHERE name = ?", name);
  return Response.json({ name, count: rows.length });
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    await env.STATE.sql(SCHEMA);
    for (const [method, pattern, handler] of routes) {
      const match = method === request.method && pattern.exec(url.pathname);
      if (match) return handler({ request, url, db: env.STATE, params: match.groups ?? {} });
    }
    return new Response("Not found", { status: 404 });
  },
};
