import DEFAULTS from "./flags.json" with { type: "json" };

class Flags {
  #state;
  #flags;

  constructor(state) {
    this.#state = state;
  }

  async load() {
    const saved = await this.#state.list({ prefix: "flag/" });
    this.#flags = structuredClone(DEFAULTS);
    for (const [key, value] of saved) this.#flags[key.slice(5)] = value;
    return this;
  }

  has(name) {
    return Object.hasOwn(this.#flags, name);
  }

  async for(user) {
    const entries = Object.entries(this.#flags).map(async ([name, flag]) => [
      name,
      flag.enabled && (flag.users?.includes(user) || (await Flags.#bucket(name, user)) < flag.rollout),
    ]);
    return Object.fromEntries(await Promise.all(entries));
  }

  async change(name, changes) {
    const flag = { ...this.#flags[name], ...changes };
    await this.#state.put(`flag/${name}`, flag);
    return flag;
  }

  static async #bucket(name, user) {
    const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(`${name}:${user}`));
    return new DataView(digest).getUint32(0) % 100;
  }
}

const CHANGEABLE = ["enabled", "rollout", "users"];

export default {
  async fetch(request, env) {
    const match = /^\/flags\/([^/]+)$/.exec(new URL(request.url).pathname);
    if (!match) return new Response("Not found", { status: 404 });
    const flags = await new Flags(env.STATE).load();
    switch (request.method) {
      case "GET":
        return Response.json(await flags.for(match[1]));
      case "PATCH": {
        if (!flags.has(match[1])) return Response.json({ error: `no flag ${match[1]}` }, { status: 404 });
        const changes = await request.json();
        if (Object.keys(changes).some((key) => !CHANGEABLE.includes(key))) {
          return Response.json({ error: `only ${CHANGEABLE.join(", ")} can be changed` }, { status: 400 });
        }
        return Response.json(await flags.change(match[1], changes));
      }
      default:
        return new Response("Method not allowed", { status: 405, headers: { Allow: "GET, PATCH" } });
    }
  },
};
