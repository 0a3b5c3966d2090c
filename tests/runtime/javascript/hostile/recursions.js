// Depth without end.
const DEEP = 100_000;

function nested(depth, wrap = (inner) => [inner]) {
  let value = 0;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}

const direct = () => direct() + 1;
const even = (n) => odd(n + 1) + 1;
const odd = (n) => even(n + 1) + 1;

export const recursions = {
  recurse: direct,
  "recurse-mutually": () => even(0),
  "recurse-in-a-getter": () => ({ get self() { return this.self; } }).self,
  "recurse-in-to-string"() {
    const one = { toString: () => `${one}` };
    return new Response(`${one}`);
  },
  "recurse-in-a-replacement"() {
    const again = () => "x".replace("x", again);
    return new Response(again());
  },
  "recurse-in-a-comparator"() {
    const compare = () => [1, 2].sort(compare).length;
    return new Response(String(compare()));
  },
  "recurse-in-a-proxy"() {
    const handler = {};
    handler.get = (target, name, receiver) => receiver[name];
    return new Response(new Proxy({}, handler).x);
  },
  "recurse-in-a-class"() {
    class Deep {
      constructor() {
        this.inner = new Deep();
      }
    }
    return new Response(String(new Deep()));
  },
  "recurse-in-async"() {
    const deeper = async () => (await deeper()) + 1;
    return deeper();
  },
  "recurse-in-then"() {
    const one = { then: () => one.then() };
    return one;
  },
  "nested-lists-as-json": () => Response.json(nested(DEEP)),
  "nested-objects-as-json": () => Response.json(nested(DEEP, (inner) => ({ inner }))),
  "nested-json": () => Response.json(JSON.parse("[".repeat(DEEP) + "]".repeat(DEEP))),
  "nested-state": (request, env) => env.STATE.put("deep", nested(DEEP)),
  "nested-arguments": (request, env) => env.FX_RATES.latest({ deep: nested(DEEP) }),
  "nested-record"() {
    console.log(nested(DEEP));
    return new Response("told");
  },
  "nested-clone": () => Response.json(structuredClone(nested(DEEP))),
  "nested-array": () => new Response(nested(DEEP).toString()),
  "nested-flat": () => Response.json(nested(DEEP).flat(Infinity)),
  "nested-expression": () => Response.json(RegExp("(".repeat(DEEP) + ")".repeat(DEEP)).test("")),
  "nested-lookahead": () => Response.json(RegExp("(?=".repeat(DEEP) + ")".repeat(DEEP)).test("")),
  "nested-bound": () => new Response(String(nested(DEEP, (inner) => (inner || direct).bind(null))())),
  "nested-proxies": () => new Response(nested(DEEP, (inner) => new Proxy(inner || {}, {})).x),
  "nested-prototypes": () => new Response(String("x" in nested(DEEP, (inner) => Object.create(inner || null)))),
  "nested-causes"() {
    throw nested(1000, (cause) => new Error("x", { cause }));
  },
  "nested-promises": async () => new Response(String(await nested(DEEP, (inner) => Promise.resolve(inner).then((n) => n + 1)))),
  "nested-and-dropped": () => new Response(String(nested(10 * DEEP).length)),
  "many-arguments": () => new Response(String(Math.max(...new Array(200_000).fill(1)))),
};
