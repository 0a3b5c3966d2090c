addRoute("GET", "/", ({ url }) => new Response(`Hello, ${url.searchParams.get("name") ?? "world"}!`));

addRoute("POST", "/api/reverse", async ({ request }) => {
  const data = await request.json();
  if (!("text" in data)) return Response.json({ error: "text is required" }, { status: 400 });
  return Response.json({ reversed: data.text.split("").reverse().join("") });
});

var routes;

function addRoute(method, path, handler) {
  (routes ??= new Map()).set(`${method} ${path}`, handler);
}

export default class {
  static async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const handler = routes.get(`${request.method} ${url.pathname}`);
    return handler ? handler({ request, url, env, ctx }) : new Response("Not found", { status: 404 });
  }
}
