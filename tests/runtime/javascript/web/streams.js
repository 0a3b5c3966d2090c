// SPDX-License-Identifier: Apache-2.0
import { equal, rejects, test, throws } from "./harness.js";

async function all(stream) {
  const found = [];
  for await (const piece of stream) found.push(piece);
  return found;
}

function counting(end) {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      next += 1;
      if (next > end) controller.close();
      else controller.enqueue(next);
    },
  });
}

test("pieces are asked for as they are read", async () => {
  const asked = [];
  const stream = new ReadableStream({ pull: (controller) => controller.enqueue(asked.push("pull")) }, { highWaterMark: 0 });
  const reader = stream.getReader();
  equal(asked.length, 0);
  equal(await reader.read(), { value: 1, done: false });
  equal(asked.length, 1);
  throws("TypeError", "locked", () => stream.getReader());
  reader.releaseLock();
  equal(stream.locked, false);
  await rejects("TypeError", "let the stream go", reader.read());
});

test("an error comes to who reads, and to who waits for the end", async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(1);
      controller.error(new RangeError("broken"));
    },
  });
  const reader = stream.getReader();
  await rejects("RangeError", "broken", reader.read());
  await rejects("RangeError", "broken", reader.closed);
});

test("leaving a loop cancels the stream", async () => {
  let reason = "none";
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(1),
    cancel: (given) => {
      reason = given;
    },
  });
  for await (const piece of stream) if (piece) break;
  equal([reason, stream.locked], [undefined, false]);
});

test("both halves of a tee get everything", async () => {
  const [one, other] = counting(3).tee();
  equal([await all(one), await all(other)], [[1, 2, 3], [1, 2, 3]]);
});

test("a pipe goes through a transformation to its end", async () => {
  const doubled = counting(4).pipeThrough(
    new TransformStream({
      transform: (value, controller) => controller.enqueue(2 * value),
      flush: (controller) => controller.enqueue("end"),
    }),
  );
  equal(await all(doubled), [2, 4, 6, 8, "end"]);
});

test("a sink that fails stops the source, and is told", async () => {
  let cancelled;
  const source = new ReadableStream({
    pull: (controller) => controller.enqueue("x"),
    cancel: (reason) => {
      cancelled = reason.message;
    },
  });
  const sink = new WritableStream({
    write() {
      throw new Error("full");
    },
  });
  await rejects("Error", "full", source.pipeTo(sink));
  equal(cancelled, "full");
});

test("a signal stops a pipe", async () => {
  const stop = new AbortController();
  let aborted;
  const sink = new WritableStream({
    write: () => stop.abort(),
    abort: (reason) => {
      aborted = reason.name;
    },
  });
  await rejects("AbortError", "", counting(10).pipeTo(sink, { signal: stop.signal }));
  equal(aborted, "AbortError");
});

test("who writes waits until there is room", async () => {
  const written = [];
  let free;
  const sink = {
    write(piece) {
      written.push(piece);
      return new Promise((resolve) => {
        free = resolve;
      });
    },
    close: () => written.push("closed"),
  };
  const writer = new WritableStream(sink).getWriter();
  await writer.ready;
  writer.write("a");
  equal(writer.desiredSize, 0);
  let ready = false;
  const waiting = writer.ready.then(() => {
    ready = true;
  });
  equal(ready, false);
  free();
  await waiting;
  await writer.close();
  equal(written, ["a", "closed"]);
  await rejects("TypeError", "closed", writer.write("b"));
});

test("texts and bytes become each other in a pipe", async () => {
  const bytes = ReadableStream.from(["é", "\ud83d", "\ude00"]).pipeThrough(new TextEncoderStream());
  equal((await all(bytes.pipeThrough(new TextDecoderStream()))).join(""), "é\u{1f600}");
});

test("sizes and marks that are none are refused", () => {
  throws("RangeError", "highWaterMark", () => new ReadableStream({}, { highWaterMark: -1 }));
  throws("RangeError", "size of a chunk", () => {
    new ReadableStream({ start: (controller) => controller.enqueue(1) }, { size: () => NaN });
  });
});

test("twenty thousand pieces at once do not fill the stack", async () => {
  const stream = new ReadableStream({
    start(controller) {
      const piece = new Uint8Array(1);
      for (let at = 0; at < 20_000; at += 1) controller.enqueue(piece);
      controller.close();
    },
  });
  equal((await new Response(stream).bytes()).length, 20_000);
});
