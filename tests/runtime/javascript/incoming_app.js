// SPDX-License-Identifier: Apache-2.0
/** What an app makes of the requests it gets, for test_incoming.py. */

const answers = {
  "/json": async (request) => Response.json(await request.json()),
  "/form": async (request) => Response.json([...(await request.formData()).keys()]),
  "/caught": async (request) => {
    try {
      return Response.json(await request.json());
    } catch (error) {
      return new Response(error.name, { status: 422 });
    }
  },
  "/own": async () => Response.json(await new Response("{").json()),
  "/length": async (request) => Response.json((await request.text()).length),
  "/pieces": async (request) => {
    const sizes = [];
    for await (const piece of request.clone().body) sizes.push(piece.length);
    return Response.json([sizes.length, sizes.reduce((sum, size) => sum + size), (await request.bytes()).length]);
  },
  "/control": () => new Response("", { headers: { "x-a": "\u0001" } }),
  "/twice": () => kept,
  "/polluted": (request) => {
    const { json } = Response;
    pollute();
    return json({ path: "/polluted" }, { status: 201, headers: { __proto__: null, "x-b": "c" } });
  },
};
const kept = new Response("once");

/** All that an answer goes through, as badly as an app can. */
function pollute() {
  const evil = () => "evil";
  for (const kind of [Array, String, Object, RegExp, Map, Promise, Uint8Array, Response, Headers, URL]) {
    for (const name of Object.getOwnPropertyNames(kind.prototype)) {
      if (name === "constructor") continue;
      try {
        Object.defineProperty(kind.prototype, name, { value: evil, configurable: true });
      } catch {
        // what cannot be changed needs no protection
      }
    }
  }
  for (const name of ["next", "text", "status", "headers"]) Object.prototype[name] = evil;
  JSON.stringify = JSON.parse = Reflect.apply = Object.keys = evil;
}

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const answer = answers[pathname];
    if (answer !== undefined) return answer(request);
    return Response.json({ url: request.url, method: request.method, again: new URL(request.url).href });
  },
};
