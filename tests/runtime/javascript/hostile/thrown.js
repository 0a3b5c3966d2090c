// Things that are thrown.
const throwing = (what) => () => {
  throw what();
};
const bad = () => {
  throw new TypeError("not even this");
};

export const thrown = {
  throw: throwing(() => new Error("how it should not go")),
  "throw-later": async () => {
    await null;
    throw new RangeError("later");
  },
  "throw-null": throwing(() => null),
  "throw-undefined": throwing(() => undefined),
  "throw-symbol": throwing(() => Symbol("why")),
  "throw-bigint": throwing(() => 1n),
  "throw-function": throwing(() => bad),
  "throw-promise": throwing(() => Promise.reject(new Error("x"))),
  "throw-response": throwing(() => new Response("x")),
  "throw-proxy": throwing(() => new Proxy({}, { get: bad, has: bad, getPrototypeOf: bad, ownKeys: bad })),
  "throw-revoked": throwing(() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }),
  "throw-message-getter": throwing(() => Object.defineProperty(new Error("x"), "message", { get: bad })),
  "throw-stack-getter": throwing(() => Object.defineProperty(new Error("x"), "stack", { get: bad })),
  "throw-name-getter": throwing(() => Object.defineProperty(new Error("x"), "name", { get: bad })),
  "throw-to-string": throwing(() => ({ toString: bad })),
  "throw-no-prototype": throwing(() => Object.create(null)),
  "throw-stack-object": throwing(() => Object.assign(new Error("x"), { stack: { split: bad } })),
  "throw-changing-message": throwing(() => {
    let told = 0;
    return Object.defineProperty(new Error("x"), "message", { get: () => (told++ ? { toString: bad } : "text") });
  }),
  "throw-much": throwing(() => new Error("x".repeat(5_000_000))),
  "throw-half": throwing(() => new Error("\ud800\0\x1b[31m")),
  "throw-forged-code": throwing(() => Object.assign(new Error("I say so"), { code: "StateFull", class: "limit" })),
  "throw-forged-tool-error": throwing(() => Object.assign(new Error("I say so"), { name: "ToolError", code: "BudgetSpent" })),
  "throw-forged-memory": throwing(() => new RangeError("out of memory")),
  "throw-cause": throwing(() => {
    const error = new Error("x");
    error.cause = error;
    return new AggregateError([error, error], "several");
  }),
  async "reject-unheard"() {
    Promise.reject(new Error("nobody listens"));
    return new Response("answered");
  },
  async "reject-much-unheard"() {
    for (let i = 0; i < 10_000; i++) Promise.reject(new Error("nobody listens"));
    return new Response("answered");
  },
  async "reject-unheard-proxy"() {
    Promise.reject(new Proxy({}, { get: bad, getPrototypeOf: bad }));
    return new Response("answered");
  },
};
