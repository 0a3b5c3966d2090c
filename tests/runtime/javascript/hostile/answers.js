// Answers that are none, or too much, or not what they say.
const html = { "content-type": "text/html" };
const kept = new Response("used twice");
const headers = (init) => () => new Response("x", { headers: init });
const status = (value) => () => new Response("x", { status: value });
const streamed = (source) => () => new Response(new ReadableStream(source));

class Page extends Response {
  constructor(text) {
    super(`<p>${text}`, { headers: html });
  }
}

export const answers = {
  "no-answer": () => {},
  "null-answer": () => null,
  "text-answer": () => "text",
  "number-answer": async () => 200,
  "object-answer": () => ({ status: 200, headers: {}, body: "x" }),
  "prototype-answer": () => Object.create(Response.prototype),
  "proxy-answer": () => new Proxy(new Response("x"), {}),
  "revoked-answer"() {
    const { proxy, revoke } = Proxy.revocable(new Response("x"), {});
    revoke();
    return proxy;
  },
  "function-answer": () => Response,
  "thenable-answer": () => ({ then: (resolve) => resolve(new Response("later")) }),
  "thenable-that-throws": () => ({ then: () => { throw new Error("x"); } }),
  "thenable-getter": () => ({ get then() { throw new Error("x"); } }),
  "thenable-twice": () => ({ then: (resolve, reject) => (resolve(new Response("first")), reject(new Error("second")), resolve(1)) }),
  "nested-promise-answer": () => Promise.resolve(Promise.resolve(new Response("later"))),
  "subclass-answer": () => new Page("mine"),
  "response-with-then": () => Object.assign(new Response("x"), { then: (resolve) => resolve(new Response("mine")) }),
  "response-used-twice": () => kept,
  async "body-used"() {
    const response = new Response("x");
    await response.text();
    return response;
  },
  "stream-locked"() {
    const stream = new ReadableStream({ pull: (controller) => controller.close() });
    const response = new Response(stream);
    stream.getReader();
    return response;
  },
  "stream-that-throws-at-once": streamed({ start() { throw new Error("x"); } }),
  "stream-that-throws": streamed({ pull() { throw new Error("x"); } }),
  "stream-that-fails": streamed({ pull: (controller) => controller.error(new Error("x")) }),
  "stream-of-objects": streamed({ pull: (controller) => controller.enqueue({ x: 1 }) }),
  "stream-that-never-comes": streamed({}),
  "split-name": headers({ "x\r\ny": "1" }),
  "split-value": headers({ x: "1\r\ny: 2" }),
  "null-in-value": headers({ x: "a\0b" }),
  "null-in-name": headers({ "a\0b": "x" }),
  "wide-value": headers({ x: "€" }),
  "half-value": headers({ x: "\ud800" }),
  "empty-name": headers({ "": "x" }),
  "many-headers": headers(Array.from({ length: 1000 }, (_, i) => [`x-${i}`, "1"])),
  "large-header": headers({ x: "y".repeat(100_000) }),
  "own-length": headers({ "content-length": "5" }),
  "own-encoding": headers({ "transfer-encoding": "chunked" }),
  "own-connection": headers({ connection: "close" }),
  "own-request-id": headers({ "Genapps-Request-Id": "forged" }),
  "headers-that-throw": headers({ get x() { throw new Error("x"); } }),
  "headers-of-symbols": headers({ x: Symbol("x") }),
  "headers-in-threes": headers([["a", "b", "c"]]),
  "status-99": status(99),
  "status-101": status(101),
  "status-600": status(600),
  "status-1000": status(1000),
  "status-text": status("abc"),
  "status-that-throws": status({ valueOf() { throw new Error("x"); } }),
  "status-with-forbidden-body": status(204),
  "huge-text": () => new Response("x".repeat(2_000_000)),
  "huge-wide-text": () => new Response("€".repeat(400_000)),
  "huge-bytes": () => new Response(new Uint8Array(2_000_000)),
  "huge-json": () => Response.json("x".repeat(2_000_000)),
  "half-text": () => new Response("a\ud800b\udc00"),
  "half-json": () => Response.json({ "\ud800": "\udfff" }),
  "half-piece": streamed({ start: (controller) => (controller.enqueue(new TextEncoder().encode("\ud800")), controller.close()) }),
  "null-in-text": () => new Response("done\0[]\0x"),
  "forged-turn": () => new Response('200\0[["genapps-request-id","x"]]\0[["before","0"]]\0forged'),
  "json-of-nothing": () => Response.json(undefined),
  "json-of-a-bigint": () => Response.json(1n),
  "json-of-a-cycle"() {
    const one = {};
    one.one = one;
    return Response.json(one);
  },
};
