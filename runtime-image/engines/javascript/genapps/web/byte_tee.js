// SPDX-License-Identifier: Apache-2.0
/** One byte stream read by two, each of which may give the memory. */

import { closeBytes, enqueueBytes, readInto, requestOf, respond, respondWith } from "./byte_controller.js";
import { bytesOf, copyBytes, pending, resolved, then } from "./primordials.js";
import { acquire, cancelStream, cancelsOfTwo, fail, read, release } from "./readable.js";
import { makeByteStream, recordOf } from "./readable_stream.js";

const { queueMicrotask } = globalThis;

/**
 * @param {object} stream a record of readable.js, of a byte stream
 * @returns {[ReadableStream, ReadableStream]} Throws TypeError when the stream is locked.
 */
export function teeBytes(stream) {
  let reader = acquire(stream);
  const cancelled = [false, false];
  const again = [false, false];
  const whole = pending();
  let reading = false;

  const settle = () => {
    if (!cancelled[0] || !cancelled[1]) whole.resolve(undefined);
  };
  const watch = (watched) =>
    then(watched.closed.promise, undefined, (error) => {
      if (watched !== reader) return;
      fail(controllers[0], error);
      fail(controllers[1], error);
      settle();
    });
  const take = (byob) => {
    if (reader.byob === byob) return;
    release(reader);
    reader = acquire(stream, byob);
    watch(reader);
  };
  /** A copy, or null when there is no memory for it: then both have ended. */
  const copied = (chunk) => {
    try {
      return copyBytes(bytesOf(chunk));
    } catch (error) {
      fail(controllers[0], error);
      fail(controllers[1], error);
      whole.resolve(cancelStream(stream, error));
      return null;
    }
  };
  const next = () => {
    reading = false;
    if (again[0]) pull(0);
    else if (again[1]) pull(1);
  };
  const error = () => {
    reading = false;
  };
  const pullChunk = () => {
    take(false);
    read(reader, {
      chunk: (chunk) =>
        queueMicrotask(() => {
          again[0] = again[1] = false;
          const other = !cancelled[0] && !cancelled[1] ? copied(chunk) : chunk;
          if (other === null) return;
          if (!cancelled[0]) enqueueBytes(controllers[0], chunk);
          if (!cancelled[1]) enqueueBytes(controllers[1], other);
          next();
        }),
      close: () => {
        reading = false;
        for (let at = 0; at < 2; at += 1) if (!cancelled[at]) closeBytes(controllers[at]);
        for (let at = 0; at < 2; at += 1) if (controllers[at].intos.length > 0) respond(controllers[at], 0);
        settle();
      },
      error,
    });
  };
  const pullInto = (at, view) => {
    take(true);
    const one = controllers[at];
    const other = controllers[1 - at];
    readInto(reader, view, 1, {
      chunk: (chunk) =>
        queueMicrotask(() => {
          again[0] = again[1] = false;
          const copy = cancelled[1 - at] ? null : copied(chunk);
          if (copy === null && !cancelled[1 - at]) return;
          if (!cancelled[at]) respondWith(one, bytesOf(chunk));
          if (copy !== null) enqueueBytes(other, copy);
          next();
        }),
      close: (chunk) => {
        reading = false;
        if (!cancelled[at]) closeBytes(one);
        if (!cancelled[1 - at]) closeBytes(other);
        if (chunk !== undefined) {
          if (!cancelled[at]) respondWith(one, bytesOf(chunk));
          if (!cancelled[1 - at] && other.intos.length > 0) respond(other, 0);
        }
        settle();
      },
      error,
    });
  };
  const pull = (at) => {
    if (reading) {
      again[at] = true;
      return resolved(undefined);
    }
    reading = true;
    const request = requestOf(controllers[at]);
    if (request === null) pullChunk();
    else pullInto(at, request.view);
    return resolved(undefined);
  };
  const cancel = cancelsOfTwo(stream, cancelled, whole);
  const branches = [makeByteStream(() => pull(0), cancel(0)), makeByteStream(() => pull(1), cancel(1))];
  const controllers = [recordOf(branches[0]).controller, recordOf(branches[1]).controller];
  watch(reader);
  return branches;
}
