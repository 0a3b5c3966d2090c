// An itty-router style router in a few lines.
const Router = () => {
  const routes = [];
  const router = {
    routes,
    async handle(request, ...args) {
      const url = new URL(request.url);
      for (const [method, pattern, handlers] of routes) {
        const match = (method === request.method || method === "ALL") && url.pathname.match(pattern);
        if (!match) continue;
        const context = { request, params: match.groups ?? {}, query: Object.fromEntries(url.searchParams) };
        for (const handler of handlers) {
          const response = await handler(context, ...args);
          if (response !== undefined) return response;
        }
      }
    },
  };
  for (const method of ["GET", "POST", "PUT", "DELETE", "ALL"]) {
    router[method.toLowerCase()] = (path, ...handlers) => {
      const pattern = RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)").replace(/\*/g, ".*")}/*$`);
      routes.push([method, pattern, handlers]);
      return router;
    };
  }
  return router;
};

const error = (status, message) => Response.json({ status, error: message }, { status });
const books = Array.from({ length: 250 }, (_, i) => ({ id: i + 1, title: `Book ${i + 1}`, year: 1990 + ((i + 1) % 30) }));

async function* scan(state, prefix) {
  let cursor = null;
  do {
    const page = await state.list({ prefix, cursor });
    yield* page.values();
    ({ cursor } = page);
  } while (cursor !== null);
}

const router = Router();
router
  .post("/seed", async (_, env) => {
    await Promise.all(books.map((book) => env.STATE.put(`book/${String(book.id).padStart(6, "0")}`, book)));
    return Response.json({ seeded: books.length });
  })
  .get("/books", async ({ query }, env) => {
    const limit = Math.min(Number(query.limit ?? 20), 100);
    if (Number.isNaN(limit)) return error(400, "limit must be a number");
    if (limit < 1) return error(400, "limit must be positive");
    const page = await env.STATE.list({ prefix: "book/", limit, cursor: query.cursor ?? null });
    const headers = page.cursor ? { Link: `</books?limit=${limit}&cursor=${page.cursor}>; rel="next"` } : {};
    return Response.json({ items: [...page.values()], next: page.cursor }, { headers });
  })
  .get("/books/pages/:number", async ({ params }, env) => {
    const size = 100;
    const all = [];
    for await (const book of scan(env.STATE, "book/")) all.push(book);
    const number = Number(params.number);
    const items = all.slice((number - 1) * size, number * size).map((book) => book.id);
    return Response.json({ page: number, pages: Math.ceil(all.length / size), total: all.length, items: items.slice(0, 2) });
  })
  .all("*", () => error(404, "Not found"));

export default { fetch: (request, ...args) => router.handle(request, ...args).catch((e) => error(500, e.message)) };
