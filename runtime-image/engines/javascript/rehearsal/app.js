// SPDX-License-Identifier: Apache-2.0
// What most apps do, done once while the engine is built (tools/engines/rehearsal.py).

const NAMES = ["first", "second"];
const titles = new Map([["a", "A title"]]);

class NotFound extends Error {
  constructor(path) {
    super(`there is no ${path}`);
    this.status = 404;
  }
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function listed({ items = [], ...rest }) {
  const numbers = items.map(Number).filter((number) => number > 1);
  return { ...rest, sum: numbers.reduce((sum, number) => sum + number, 0), names: [...NAMES, titles.get("a")] };
}

async function counted(env, key) {
  const count = ((await env.STATE.get(key)) ?? 0) + 1;
  await env.STATE.put(key, count);
  return count;
}

export default {
  async fetch(request, env, ctx) {
    try {
      const url = new URL(request.url);
      const key = url.searchParams.get("key") ?? "";
      switch (url.pathname) {
        case "/":
          return Response.json({ hello: url.pathname });
        case "/page":
          return new Response(`<h1>${escaped("a & b")}</h1>`, { headers: { "content-type": "text/html" } });
        case "/list":
          return Response.json(listed(await request.json()), { status: 201 });
        case "/count":
          return Response.json({ count: await counted(env, key), agent: request.headers.get("user-agent") });
        default:
          throw new NotFound(url.pathname);
      }
    } catch (error) {
      return new Response(error.message, { status: error.status ?? 500 });
    }
  },
};
