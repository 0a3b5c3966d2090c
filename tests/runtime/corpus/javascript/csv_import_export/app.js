import { parse, stringify } from "./csv.js";

const FIELDS = ["sku", "name", "stock"];

async function importCsv(request, env) {
  const text = await request.text();
  const delimiter = text.split("\n", 1)[0].includes(";") ? ";" : ",";
  const [header = [], ...rows] = parse(text, delimiter);
  if (!FIELDS.every((field) => header.values.includes(field))) {
    return Response.json({ error: `columns needed: ${FIELDS.join(", ")}` }, { status: 422 });
  }
  let imported = 0;
  const errors = [];
  for (const { line, values } of rows) {
    const row = Object.fromEntries(header.values.map((name, i) => [name, values[i]]));
    if (!/^\d+$/.test(row.stock)) {
      errors.push({ line, error: `stock is not a number: '${row.stock}'` });
      continue;
    }
    await env.STATE.put(`item/${row.sku}`, { name: row.name, stock: Number(row.stock) });
    imported++;
  }
  env.LOG.info("import finished", { imported, errors: errors.length });
  return Response.json({ imported, errors });
}

async function exportCsv(env) {
  const rows = [FIELDS];
  let cursor = null;
  do {
    const page = await env.STATE.list({ prefix: "item/", cursor, limit: 1 });
    for (const [key, { name, stock }] of page) rows.push([key.slice("item/".length), name, stock]);
    cursor = page.cursor;
  } while (cursor);
  return new Response(stringify(rows), {
    headers: {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": 'attachment; filename="stock.csv"',
    },
  });
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/import" && request.method === "POST") return importCsv(request, env);
    if (pathname === "/export.csv") return exportCsv(env);
    return new Response("Not found", { status: 404 });
  },
};
