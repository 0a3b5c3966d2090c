// Everything that an app must not do: each handler is one way to misbehave.
import { answers } from "./answers.js";
import { hoards } from "./hoards.js";
import { loops } from "./loops.js";
import { platform } from "./platform.js";
import { recursions } from "./recursions.js";
import { thrown } from "./thrown.js";

const fine = {
  fine: () => Response.json({ fine: true }),
  async remember(request, env) {
    await env.STATE.put("before", [1, 2, 3]);
    return new Response("kept");
  },
  remembered: async (request, env) => Response.json(await env.STATE.get("before")),
  echo: async (request) => Response.json(await request.json()),
  async count(request) {
    let size = 0;
    for await (const piece of request.body) size += piece.length;
    return Response.json(size);
  },
  text: async (request) => new Response(await request.text()),
  form: async (request) => Response.json(Object.fromEntries(await request.formData())),
  async headers(request) {
    const names = [...request.headers.keys()];
    return Response.json({ forged: names.filter((name) => name.startsWith("genapps-")) });
  },
};

const handlers = { __proto__: null, ...fine, ...answers, ...hoards, ...loops, ...platform, ...recursions, ...thrown };

export default {
  fetch(request, env, ctx) {
    const path = request.url.split("?")[0].split("/").slice(3).join("/");
    const handler = handlers[path];
    return handler === undefined ? new Response("no such handler", { status: 404 }) : handler(request, env, ctx);
  },
};
