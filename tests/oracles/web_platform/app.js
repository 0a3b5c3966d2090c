// SPDX-License-Identifier: Apache-2.0
/** The app in which a file of the web platform tests runs, with their own testharness.js: each subtest's outcome. */

import resources from "./resources.json";
import undeclared from "./undeclared.json";

const BASE = "https://web-platform.test/tests/";
/** Longer than any test waits. Time is the runner's: it passes as soon as nothing else can go on. */
const PATIENCE = 120_000;
const OUTCOMES = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];

/** The tests of fetch have addresses without an origin; apps have no document that would give them one. */
function withBase(Class) {
  return new Proxy(Class, {
    construct(target, [input, ...rest], made) {
      const text = typeof input === "object" && input instanceof target ? input : new URL(`${input}`, BASE).href;
      return Reflect.construct(target, [text, ...rest], made);
    },
  });
}

/** Enough of it for tests that read a blob. */
class FileReader {
  readAsText(blob) {
    blob.text().then((text) => {
      this.result = text;
      this.onload?.({ target: this });
      this.onloadend?.({ target: this });
    });
  }

  readAsArrayBuffer(blob) {
    this.readAsText({ text: () => blob.arrayBuffer() });
  }

  addEventListener(type, listener) {
    this[`on${type}`] = listener;
  }
}

/** The tests take its class of shared memory from it. */
const WebAssembly = { Memory: class { buffer = new SharedArrayBuffer(0); } };

async function read(input) {
  const name = `${input}`.replace(/^\/+/, "/");
  if (!(name in resources)) throw new TypeError(`the runner gives no ${name}`);
  return new Response(resources[name]);
}

export default {
  async fetch(request) {
    globalThis.location = new URL(new URL(request.url).search, BASE);
    globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };
    globalThis.Request = withBase(Request);
    Object.assign(globalThis, { fetch: read, FileReader, WebAssembly });
    for (const name of undeclared) globalThis[name] = undefined;
    await import("./testharness.js");
    const watch = setTimeout(() => globalThis.timeout(), PATIENCE);
    const over = new Promise((resolve) => globalThis.add_completion_callback((tests) => resolve(tests)));
    globalThis.setup({ explicit_timeout: true, explicit_done: true });
    let broken = null;
    try {
      (await import("./test.js")).default();
      globalThis.done();
    } catch (error) {
      broken = `${error?.name}: ${error?.message}\n${error?.stack ?? ""}`;
      globalThis.done();
    }
    const tests = broken !== null ? [] : await over;
    clearTimeout(watch);
    return Response.json({ broken, tests: tests.map(({ name, status, message }) => [name, OUTCOMES[status], message]) });
  },
};
