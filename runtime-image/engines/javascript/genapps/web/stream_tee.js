// SPDX-License-Identifier: Apache-2.0
/** One stream read by two. */

import { structuredClone } from "./clone.js";
import { pending, resolved, then } from "./primordials.js";
import { acquire, canEnqueue, cancelStream, cancelsOfTwo, close, enqueue, fail, read } from "./readable.js";
import { makeReadable, recordOf } from "./readable_stream.js";

const { queueMicrotask } = globalThis;

/**
 * @param {object} stream a record of readable.js
 * @param {boolean} copies whether the second one gets copies of the pieces
 * @returns {[ReadableStream, ReadableStream]} Throws TypeError when the stream is locked.
 */
export function tee(stream, copies) {
  const reader = acquire(stream);
  const cancelled = [false, false];
  const whole = pending();
  let reading = false;
  let again = false;

  const each = (act) => {
    for (let at = 0; at < 2; at += 1) if (!cancelled[at]) act(controllers[at], at);
  };
  const pull = () => {
    if (reading) {
      again = true;
      return resolved(undefined);
    }
    reading = true;
    read(reader, {
      chunk: (value) =>
        queueMicrotask(() => {
          again = false;
          let other = value;
          try {
            if (copies && !cancelled[1]) other = structuredClone(value);
          } catch (error) {
            fail(controllers[0], error);
            fail(controllers[1], error);
            whole.resolve(cancelStream(stream, error));
            return;
          }
          each((controller, at) => {
            if (canEnqueue(controller)) enqueue(controller, at === 1 ? other : value);
          });
          reading = false;
          if (again) pull();
        }),
      close: () => {
        reading = false;
        each(close);
        if (!cancelled[0] || !cancelled[1]) whole.resolve(undefined);
      },
      error: () => {
        reading = false;
      },
    });
    return resolved(undefined);
  };
  const cancel = cancelsOfTwo(stream, cancelled, whole);
  const branches = [makeReadable(() => undefined, pull, cancel(0)), makeReadable(() => undefined, pull, cancel(1))];
  const controllers = [recordOf(branches[0]).controller, recordOf(branches[1]).controller];
  then(reader.closed.promise, undefined, (error) => {
    fail(controllers[0], error);
    fail(controllers[1], error);
    if (!cancelled[0] || !cancelled[1]) whole.resolve(undefined);
  });
  return branches;
}
