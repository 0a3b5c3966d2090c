// SPDX-License-Identifier: Apache-2.0
import { equal, rejects, test, throws } from "./harness.js";

test("a text is a body with its type", async () => {
  const response = new Response("é", { status: 201, statusText: "Made", headers: { "x-a": "b" } });
  equal([response.status, response.ok, response.statusText, response.headers.get("content-type")], [201, true, "Made", "text/plain;charset=UTF-8"]);
  equal(await response.clone().bytes(), new Uint8Array([195, 169]));
  equal(await response.text(), "é");
  equal(response.bodyUsed, true);
  await rejects("TypeError", "taken already", response.text());
});

test("JSON goes in and out", async () => {
  const response = Response.json({ a: [1, null] }, { status: 400 });
  equal([response.status, response.headers.get("content-type")], [400, "application/json"]);
  equal(await response.json(), { a: [1, null] });
  await rejects("SyntaxError", "", new Response("{").json());
  throws("TypeError", "JSON", () => Response.json(undefined));
});

test("a type that the app gave stays", () => {
  equal(new Response("{}", { headers: { "Content-Type": "application/x" } }).headers.get("content-type"), "application/x");
  equal(new Response(new Uint8Array(1)).headers.get("content-type"), null);
  equal(new Response(new URLSearchParams("a=b")).headers.get("content-type"), "application/x-www-form-urlencoded;charset=UTF-8");
  equal(new Response(new Blob(["a"], { type: "Text/CSS" })).headers.get("content-type"), "text/css");
});

for (const status of [199, 600, 0, -1, "x"]) {
  test(`${status} is no status`, () => throws("RangeError", "from 200 to 599", () => new Response("", { status })));
}

for (const status of [204, 205, 304]) {
  test(`an answer of status ${status} has no body`, () => {
    equal(new Response(null, { status }).body, null);
    throws("TypeError", "no body", () => new Response("", { status }));
  });
}

test("a redirect has a place to go", () => {
  const response = Response.redirect("https://a.example/b", 303);
  equal([response.status, response.headers.get("location")], [303, "https://a.example/b"]);
  throws("TypeError", "cannot be changed", () => response.headers.set("a", "b"));
  throws("RangeError", "redirect", () => Response.redirect("https://a/", 200));
  throws("TypeError", "Invalid URL", () => Response.redirect("/b"));
});

test("bytes that change later do not change the body", async () => {
  const bytes = new Uint8Array([1, 2]);
  const response = new Response(bytes);
  bytes[0] = 9;
  const read = await response.clone().bytes();
  read[1] = 9;
  equal(await response.bytes(), new Uint8Array([1, 2]));
});

test("a stream is a body", async () => {
  const encoder = new TextEncoder();
  const pieces = ["a", "é", "c"];
  const source = { pull: (controller) => (pieces.length ? controller.enqueue(encoder.encode(pieces.shift())) : controller.close()) };
  const response = new Response(new ReadableStream(source));
  const copy = response.clone();
  equal([await response.text(), await copy.text()], ["aéc", "aéc"]);
  await rejects("TypeError", "Uint8Array", new Response(new ReadableStream({ start: (c) => c.enqueue("a") })).text());
});

test("a body is a stream for who wants one", async () => {
  const response = new Response("abc");
  const parts = [];
  for await (const part of response.body) parts.push(...part);
  equal(parts, [97, 98, 99]);
  equal(response.bodyUsed, true);
  const locked = new Response("abc");
  locked.body.getReader();
  await rejects("TypeError", "locked", locked.text());
});

test("a request is made of an address, or of another", async () => {
  const request = new Request("https://a.example/b", { method: "post", body: "x", headers: { A: "b" } });
  equal([request.method, request.url, request.headers.get("a")], ["POST", "https://a.example/b", "b"]);
  const other = new Request(request, { headers: { c: "d" } });
  equal([request.bodyUsed, other.headers.get("a"), await other.text()], [true, null, "x"]);
  throws("TypeError", "no body", () => new Request("https://a/", { body: "x" }));
  throws("TypeError", "not a method", () => new Request("https://a/", { method: "TRACE" }));
  throws("TypeError", "Invalid URL", () => new Request("/b"));
});

test("a request keeps what a browser would decide by", () => {
  const usual = new Request("https://a.example/");
  equal([usual.mode, usual.credentials, usual.redirect, usual.cache, usual.keepalive], ["cors", "same-origin", "follow", "default", false]);
  const made = new Request(new Request(usual, { redirect: "manual", keepalive: 1 }), { integrity: "sha256-x" }).clone();
  equal([made.redirect, made.keepalive, made.integrity, made.referrer], ["manual", true, "sha256-x", "about:client"]);
  throws("TypeError", "mode is one of", () => new Request("https://a.example/", { mode: "navigate" }));
});

test("a request's signal is its own, and follows the one that was given", () => {
  const stop = new AbortController();
  const request = new Request("https://a.example/", { signal: stop.signal });
  const copy = request.clone();
  stop.abort("why");
  equal([request.signal === stop.signal, request.signal.reason, copy.signal.reason], [false, "why", "why"]);
});

test("a promise of bytes does not ask Object.prototype", async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("own"));
      controller.close();
    },
  });
  const streamed = new Response(stream);
  const held = new Response(new TextEncoder().encode("own"));
  Object.prototype.then = (settle) => settle("another's");
  try {
    equal([await streamed.text(), await held.text()], ["own", "own"]);
  } finally {
    delete Object.prototype.then;
  }
});

test("forms go through a body", async () => {
  const form = new FormData();
  form.append('n"\n', "1\n2");
  form.append("f", new File(["abc"], "a.txt", { type: "text/plain" }));
  const again = await new Response(form).formData();
  equal([...again.keys()], ['n"\r\n', "f"]);
  equal([again.get('n"\r\n'), again.get("f").name, again.get("f").type, await again.get("f").text()], ["1\r\n2", "a.txt", "text/plain", "abc"]);
  equal((await new Response(new URLSearchParams("a=b+c")).formData()).get("a"), "b c");
});

for (const [body, words] of [
  ["", "first boundary"],
  ["--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "last boundary"],
  ["--b\r\nContent-Type: a/b\r\n\r\n1\r\n--b--", "no name"],
  ["--bx\r\n\r\n\r\n--b--", "end its line"],
  [`--b${'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b'.repeat(1001)}--`, "more than 1000 fields"],
]) {
  test(`a form is refused: ${words}`, async () => {
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    await rejects("TypeError", words, new Response(body, { headers }).formData());
  });
}

test("a thousand fields are taken", async () => {
  const body = `--b${'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b'.repeat(1000)}--`;
  const form = await new Response(body, { headers: { "content-type": "multipart/form-data; boundary=b" } }).formData();
  equal(form.getAll("a").length, 1000);
});

test("what an app does to prototypes does not reach into a body", async () => {
  const { then } = Promise.prototype;
  const { stringify } = JSON;
  Promise.prototype.then = () => {
    throw new Error("evil");
  };
  JSON.stringify = () => "evil";
  Array.prototype.toJSON = () => "evil";
  let text;
  try {
    text = await Response.json({ a: 1 }).text();
  } finally {
    Promise.prototype.then = then;
    JSON.stringify = stringify;
    delete Array.prototype.toJSON;
  }
  equal(text, '{"a":1}');
});
