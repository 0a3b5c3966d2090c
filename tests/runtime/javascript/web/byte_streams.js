// SPDX-License-Identifier: Apache-2.0
/** Streams of bytes, with and without the reader's memory. */

import { equal, rejects, test, throws } from "./harness.js";

const bytes = (...values) => Uint8Array.from(values);

function counting(last) {
  let next = 1;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (next > last) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else controller.enqueue(bytes(next++, next++));
    },
  });
}

test("a byte stream is read like any other", async () => {
  const found = [];
  for await (const piece of counting(5)) found.push([...piece]);
  equal(found, [[1, 2], [3, 4], [5, 6]]);
});

test("a reader's memory is filled, and comes back in another buffer", async () => {
  const reader = counting(4).getReader({ mode: "byob" });
  const mine = new Uint8Array(3);
  const { value, done } = await reader.read(mine);
  equal([done, [...value], value.buffer.byteLength, mine.byteLength], [false, [1, 2], 3, 0]);
  equal([...(await reader.read(new Uint8Array(1))).value], [3]);
  equal([...(await reader.read(new Uint8Array(9))).value], [4]);
  equal((await reader.read(new Uint8Array(9))).done, true);
});

test("a read waits for as much as it wants at least", async () => {
  const reader = counting(9).getReader({ mode: "byob" });
  equal([...(await reader.read(new Uint8Array(8), { min: 5 })).value], [1, 2, 3, 4, 5, 6]);
  equal([...(await reader.read(new Uint16Array(1))).value], [7 + 8 * 256]);
  await rejects("RangeError", "more than the view holds", reader.read(new Uint8Array(1), { min: 2 }));
  await rejects("TypeError", "empty", reader.read(new Uint8Array(0)));
});

test("a source fills the memory that is asked for", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 4,
    pull(controller) {
      const { view } = controller.byobRequest;
      view[0] = view.byteLength;
      throws("RangeError", "no room", () => controller.byobRequest.respond(view.byteLength + 1));
      controller.byobRequest.respond(1);
    },
  });
  const reader = stream.getReader();
  equal([...(await reader.read()).value], [4]);
  reader.releaseLock();
  equal([...(await stream.getReader({ mode: "byob" }).read(new Uint8Array(2))).value], [2]);
});

test("both halves of a byte stream have all of it", async () => {
  const [one, other] = counting(4).tee();
  const reader = one.getReader({ mode: "byob" });
  equal([...(await reader.read(new Uint8Array(8))).value], [1, 2]);
  equal(await new Response(other).bytes(), bytes(1, 2, 3, 4));
});

test("bodies and blobs can be read into memory of the reader's", async () => {
  for (const stream of [new Response("héllo").body, new Blob(["héllo"]).stream(), new Response(counting(2)).body]) {
    const reader = stream.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(2));
    equal(value.length, 2);
    await reader.cancel();
  }
  const reader = new Blob([]).stream().getReader({ mode: "byob" });
  equal((await reader.read(new Uint8Array(2))).done, true);
});

test("what is no byte stream says so", () => {
  throws("TypeError", "no byte stream", () => new ReadableStream().getReader({ mode: "byob" }));
  throws("TypeError", "byob", () => new ReadableStream().getReader({ mode: "fast" }));
  throws("RangeError", "leave out the size", () => new ReadableStream({ type: "bytes" }, { size: () => 1 }));
  throws("TypeError", "empty", () => new ReadableStream({ type: "bytes", start: (controller) => controller.enqueue(bytes()) }));
  throws("TypeError", "no such type", () => new ReadableStream({ type: "texts" }));
});

test("a byte stream that fails tells who reads into memory", async () => {
  const stream = new ReadableStream({ type: "bytes", pull: () => Promise.reject(new Error("torn")) });
  await rejects("Error", "torn", stream.getReader({ mode: "byob" }).read(new Uint8Array(1)));
});
