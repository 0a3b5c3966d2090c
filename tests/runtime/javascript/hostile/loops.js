// What never comes to an end.
const forever = () => {
  for (;;);
};
const answer = () => new Response("done");

export const loops = {
  loop: forever,
  "loop-that-catches"() {
    for (;;) {
      try {
        for (;;);
      } finally {
        continue;
      }
    }
  },
  async "loop-of-awaits"() {
    for (;;) await null;
  },
  async "loop-of-microtasks"() {
    const again = () => queueMicrotask(again);
    again();
    return answer();
  },
  async "loop-of-thenables"() {
    const self = { then: (resolve) => resolve(self) };
    await self;
  },
  "loop-in-a-regular-expression": () => new Response(String(/(a+)+$/.test("a".repeat(40) + "b"))),
  "loop-in-a-comparator": () => new Response(String([3, 2, 1].sort(forever))),
  "loop-in-a-proxy": () => new Response(new Proxy({}, { get: forever }).body),
  "loop-in-a-getter": () => Response.json({ get value() { return forever(); } }),
  "loop-in-to-string": () => new Response(`${{ toString: forever }}`),
  "loop-in-to-json": () => Response.json({ toJSON: forever }),
  "loop-in-a-reviver": () => Response.json(JSON.parse("[1]", forever)),
  "loop-in-a-generator"() {
    for (const one of (function* () { for (;;) yield 1; })()) if (one === 2) return answer();
  },
  "loop-in-a-stream": () => new Response(new ReadableStream({ pull: forever })),
  "stream-of-nothing": () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(0)) })),
  "loop-in-an-error"() {
    throw { get message() { return forever(); } };
  },
  "loop-in-the-stack"() {
    throw Object.defineProperty(new Error("x"), "stack", { get: forever });
  },
  async "loop-in-a-timer"() {
    await new Promise(() => setTimeout(forever, 1));
  },
  "loop-in-wait-until"(request, env, ctx) {
    ctx.waitUntil(Promise.resolve().then(forever));
    return answer();
  },
  "loop-in-an-answer": () => ({ then: forever }),
  "loop-in-arguments": (request, env) => env.FX_RATES.latest({ toJSON: forever }),
  "loop-in-a-field"(request, env) {
    env.LOG.info("x", { field: { toJSON: forever } });
  },
  async "loop-of-reads"(request, env) {
    for (;;) await env.STATE.get("x");
  },
  async "loop-of-statements"(request, env) {
    for (;;) await env.STATE.sql("SELECT 1");
  },
  async "loop-of-timers"() {
    for (;;) await new Promise((resolve) => setTimeout(resolve, 1));
  },
  async "interval-that-is-awaited"() {
    await new Promise(() => setInterval(() => {}, 5));
  },
  "loop-of-rejections"() {
    for (;;) Promise.reject(new Error("x"));
  },
  "loop-of-random-numbers"() {
    for (;;) crypto.getRandomValues(new Uint8Array(4096));
  },
  "loop-of-digests"() {
    for (;;) crypto.subtle.digest("SHA-512", new Uint8Array(65536));
  },
  "loop-of-records"() {
    for (;;) console.log("x".repeat(1000));
  },
  "hoard-that-catches"() {
    const hoard = [];
    for (;;) {
      try {
        hoard.push(new Uint8Array(1_000_000));
      } catch {
        continue;
      }
    }
  },
};
