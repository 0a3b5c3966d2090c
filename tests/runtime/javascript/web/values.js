// SPDX-License-Identifier: Apache-2.0
import { equal, rejects, test, throws } from "./harness.js";

test("a clone shares nothing, and keeps what was shared within", () => {
  const shared = { n: 1 };
  const value = { a: [shared, shared], when: new Date(5), re: /x/gi, map: new Map([[1, new Set(["s"])]]), bytes: new Uint8Array([1, 2]), big: 1n, no: undefined };
  value.self = value;
  const copy = structuredClone(value);
  equal(copy.self === copy && copy !== value, true);
  equal(copy.a[0] === copy.a[1] && copy.a[0] !== shared, true);
  equal([copy.when.getTime(), `${copy.re}`, copy.map.get(1).has("s"), copy.bytes, copy.big, "no" in copy], [5, "/x/gi", true, new Uint8Array([1, 2]), 1n, true]);
  const error = structuredClone(new RangeError("r", { cause: { c: 1 } }));
  equal([error instanceof RangeError, error.message, error.cause], [true, "r", { c: 1 }]);
});

for (const [name, value] of [["a function", () => 0], ["a symbol", Symbol("s")], ["a promise", Promise.resolve()], ["a stream", new ReadableStream()], ["a weak map", new WeakMap()]]) {
  test(`${name} cannot be cloned`, () => throws("DataCloneError", "cannot be cloned", () => structuredClone({ value })));
}

test("a buffer that is transferred moves, or stays when the rest cannot be cloned", () => {
  const buffer = new ArrayBuffer(8);
  throws("DataCloneError", "", () => structuredClone({ buffer, f() {} }, { transfer: [buffer] }));
  equal(buffer.byteLength, 8);
  equal([structuredClone({ buffer }, { transfer: [buffer] }).buffer.byteLength, buffer.byteLength], [8, 0]);
  throws("DataCloneError", "", () => structuredClone(buffer));
});

test("what is nested too deep is refused instead of ending the guest", () => {
  let deep = {};
  for (let at = 0; at < 100_000; at += 1) deep = { deep };
  throws("RangeError", "", () => structuredClone(deep));
});

test("a clone takes a key called __proto__ as a key", () => {
  const copy = structuredClone(JSON.parse('{"__proto__": {"evil": 1}}'));
  equal([copy.evil, Object.keys(copy)], [undefined, ["__proto__"]]);
});

test("blobs are slices of bytes", async () => {
  const blob = new Blob(["ab", new Uint8Array([99]), new Blob(["é"])], { type: "A/B" });
  equal([blob.size, blob.type, await blob.text(), await blob.slice(-3, -2).text()], [5, "a/b", "abcé", "c"]);
  equal(await new Response(blob.stream()).text(), "abcé");
  const file = new File([blob], "n", { lastModified: 7 });
  equal([file.name, file.lastModified, file instanceof Blob, structuredClone(file).name], ["n", 7, true, "n"]);
  throws("TypeError", "list", () => new Blob("ab"));
});

test("a blob takes its parts before it asks for options", () => {
  const asked = [];
  const parts = { *[Symbol.iterator]() { asked.push("parts"); yield "a\r\nb"; } };
  const options = { get endings() { asked.push("endings"); return "native"; }, get type() { asked.push("type"); return "A/b"; } };
  const blob = new Blob(parts, options);
  equal([asked, blob.size, blob.type], [["parts", "endings", "type"], 3, "a/b"]);
  throws("TypeError", "list of parts", () => new Blob("text"));
});

test("an abort is told once, with its reason", () => {
  const stop = new AbortController();
  const heard = [];
  stop.signal.addEventListener("abort", (event) => heard.push(event.type, event.target === stop.signal));
  stop.signal.onabort = () => heard.push("on");
  const any = AbortSignal.any([new AbortController().signal, stop.signal]);
  stop.abort("why");
  stop.abort("again");
  equal([heard, stop.signal.reason, any.aborted, any.reason], [["abort", true, "on"], "why", true, "why"]);
  throws("AbortError", "", () => AbortSignal.abort().throwIfAborted());
  throws("TypeError", "", () => new AbortSignal());
});

test("signals that follow others abort before anybody is told, and are told in their order", () => {
  const stop = new AbortController();
  const first = AbortSignal.any([stop.signal]);
  const second = AbortSignal.any([first, new AbortController().signal, stop.signal]);
  const heard = [];
  second.addEventListener("abort", () => heard.push("second"));
  first.addEventListener("abort", () => heard.push("first"));
  stop.signal.addEventListener("abort", () => heard.push(first.aborted, second.reason));
  stop.abort("why");
  equal(heard, [true, "why", "first", "second"]);
  equal(AbortSignal.any([AbortSignal.abort("before"), second]).reason, "before");
});

test("a signal that follows another one tells who listens to it, and who pipes, although nobody else has it", async () => {
  const stop = new AbortController();
  const heard = [];
  AbortSignal.any([stop.signal]).addEventListener("abort", ({ target }) => heard.push(target.reason));
  AbortSignal.any([stop.signal, AbortSignal.timeout(1000)]).onabort = () => heard.push("on");
  const silent = () => heard.push("never");
  const left = AbortSignal.any([stop.signal]);
  left.addEventListener("abort", silent);
  left.removeEventListener("abort", silent);
  const piped = new ReadableStream().pipeTo(new WritableStream(), { signal: AbortSignal.any([stop.signal]) });
  for (let at = 0; at < 100; at += 1) AbortSignal.any([stop.signal]);
  stop.abort("why");
  equal([heard, await piped.catch((reason) => reason)], [["why", "on"], "why"]);
});

test("a signal of a timeout aborts when the time is over", async () => {
  const signal = AbortSignal.timeout(5);
  equal(signal.aborted, false);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  equal(signal.reason.name, "TimeoutError");
});

test("timers fire in the order of their times, and not when they were cleared", async () => {
  const fired = [];
  await new Promise((resolve) => {
    setTimeout((a, b) => fired.push(a + b), 10, 1, 2);
    setTimeout(() => fired.push("first"), 1);
    clearTimeout(setTimeout(() => fired.push("never"), 2));
    let rounds = 0;
    const id = setInterval(() => {
      rounds += 1;
      if (rounds < 3) return;
      clearInterval(id);
      setTimeout(resolve, 40);
    }, 3);
  });
  equal([fired.toSorted().join(), fired.indexOf("first") < fired.indexOf(3)], ["3,first", true]);
  throws("TypeError", "function", () => setTimeout("alert(1)", 1));
});

test("events reach listeners, each once where that is wanted", () => {
  const target = new EventTarget();
  const heard = [];
  target.addEventListener("x", { handleEvent: (event) => heard.push(event.detail) }, { once: true });
  target.addEventListener("x", (event) => event.preventDefault());
  equal(target.dispatchEvent(new CustomEvent("x", { detail: 1, cancelable: true })), false);
  equal(target.dispatchEvent(new Event("x")), true);
  equal(heard, [1]);
});

test("base64 goes both ways, for one byte a character", () => {
  equal([btoa("a\xff"), atob(" Yf8= ")], ["Yf8=", "a\xff"]);
  throws("InvalidCharacterError", "", () => btoa("€"));
  throws("InvalidCharacterError", "", () => atob("a"));
});

test("globals are what browsers have: replaceable, and not seen in a loop", () => {
  const described = Object.getOwnPropertyDescriptor(globalThis, "Response");
  equal([described.writable, described.enumerable, described.configurable], [true, false, true]);
  equal([`${new Headers()}`, `${new FormData()}`, Object.prototype.toString.call(crypto)], ["[object Headers]", "[object FormData]", "[object Crypto]"]);
});

test("a method of ours refuses an object that is not of its class", async () => {
  throws("TypeError", "", () => Headers.prototype.get.call({}, "a"));
  throws("TypeError", "", () => Object.getOwnPropertyDescriptor(Response.prototype, "status").get.call(Response.prototype));
  await rejects("TypeError", "", Response.prototype.text.call({}));
  await rejects("TypeError", "", ReadableStream.prototype.cancel.call({}));
});
