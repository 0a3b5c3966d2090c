// A small Hono: middlewares with next(), context, JSON errors, CORS.
class Hono {
  #handlers = [];
  #onError = (error) => new Response(error.message, { status: 500 });

  use(...handlers) {
    return this.on("*", "/*", ...handlers);
  }
  on(method, path, ...handlers) {
    const source = path.replace(/\/\*$/, "(?:/.*)?").replace(/:(\w+)/g, "(?<$1>[^/]+)");
    for (const handler of handlers) this.#handlers.push({ method, pattern: new RegExp(`^${source}$`), handler });
    return this;
  }
  get = (path, ...handlers) => this.on("GET", path, ...handlers);
  post = (path, ...handlers) => this.on("POST", path, ...handlers);
  patch = (path, ...handlers) => this.on("PATCH", path, ...handlers);
  delete = (path, ...handlers) => this.on("DELETE", path, ...handlers);
  onError(handler) {
    this.#onError = handler;
    return this;
  }

  fetch = async (request, env, executionCtx) => {
    const url = new URL(request.url);
    const found = this.#handlers
      .map(({ method, pattern, handler }) => ({ handler, match: ["*", request.method].includes(method) && pattern.exec(url.pathname) }))
      .filter(({ match }) => match);
    const c = {
      req: { raw: request, url, json: () => request.json(), query: (name) => url.searchParams.get(name), param: (name) => c.params[name] },
      env, executionCtx, params: {}, res: undefined,
      json: (data, status = 200, headers) => Response.json(data, { status, headers }),
      body: (data, status = 200) => new Response(data, { status }),
    };
    const dispatch = async (i) => {
      if (i === found.length) return c.json({ error: "Not found" }, 404);
      c.params = found[i].match.groups ?? {};
      const response = await found[i].handler(c, async () => void (c.res = await dispatch(i + 1)));
      return response ?? c.res;
    };
    try {
      return await dispatch(0);
    } catch (error) {
      return this.#onError(error, c);
    }
  };
}

class HTTPException extends Error {
  constructor(status, { message }) {
    super(message);
    this.status = status;
  }
}

const app = new Hono();

app.use(async (c, next) => {
  if (c.req.raw.method === "OPTIONS") return new Response(null, { status: 204, headers: { "Access-Control-Allow-Methods": "GET,POST,PATCH,DELETE" } });
  await next();
  c.res = new Response(c.res.body, c.res);
  c.res.headers.set("Access-Control-Allow-Origin", "*");
});

const note = async (c) => {
  const found = await c.env.STATE.get(`note/${c.req.param("id")}`);
  if (found === null) throw new HTTPException(404, { message: "no such note" });
  return found;
};

app.get("/notes", async (c) => {
  const tag = c.req.query("tag");
  const all = [...(await c.env.STATE.list({ prefix: "note/" })).values()];
  return c.json({ notes: tag ? all.filter(({ tags }) => tags.includes(tag)) : all });
});
app.post("/notes", async (c) => {
  const { title, tags = [] } = await c.req.json();
  if (!title?.trim()) throw new HTTPException(422, { message: "title is required" });
  const id = ((await c.env.STATE.get("last")) ?? 0) + 1;
  const created = { id, title: title.trim(), tags };
  await Promise.all([c.env.STATE.put("last", id), c.env.STATE.put(`note/${id}`, created)]);
  return c.json(created, 201, { Location: `/notes/${id}` });
});
app.get("/notes/:id", async (c) => c.json(await note(c)));
app.patch("/notes/:id", async (c) => {
  const changed = { ...(await note(c)), ...(await c.req.json()), id: Number(c.req.param("id")) };
  await c.env.STATE.put(`note/${changed.id}`, changed);
  return c.json(changed);
});
app.delete("/notes/:id", async (c) => {
  await note(c);
  await c.env.STATE.delete(`note/${c.req.param("id")}`);
  return c.body(null, 204);
});
app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error("unhandled", error);
  return c.json({ error: "internal" }, 500);
});

export default app;
