// SPDX-License-Identifier: Apache-2.0
/** `TransformStream`: what is written to one end comes changed out of the other. */

import { shown } from "./iterators.js";
import { apply, pending, rejected, resolved, then } from "./primordials.js";
import { methodOf } from "./promises.js";
import { markOf, measureOf, strategyOf } from "./queues.js";
import { ERRORED as READ_ERRORED, canEnqueue, close, desired, enqueue, fail } from "./readable.js";
import { makeReadable, recordOf } from "./readable_stream.js";
import { ERRORING, controllerError } from "./writable.js";
import { makeWritable, writableRecord } from "./writable_stream.js";

const MADE = {};
const nothing = () => resolved(undefined);

/**
 * A stream of ours.
 * @param {(chunk: unknown, put: (chunk: unknown) => void) => void} transform
 * @param {(put: (chunk: unknown) => void) => void} flush
 * @returns {{ readable: ReadableStream, writable: WritableStream }}
 */
export function makeTransform(transform, flush) {
  const stream = new TransformStream({
    transform: (chunk, controller) => transform(chunk, (made) => controller.enqueue(made)),
    flush: (controller) => flush((made) => controller.enqueue(made)),
  });
  return { readable: stream.readable, writable: stream.writable };
}

/** Two ends, and what an app does between them. */
export class TransformStream {
  #readable;
  #writable;

  constructor(transformer = undefined, writableStrategy = undefined, readableStrategy = undefined) {
    if (transformer === null || (transformer !== undefined && typeof transformer !== "object" && typeof transformer !== "function")) {
      throw new TypeError("a transformer is an object");
    }
    const writing = strategyOf(writableStrategy);
    const reading = strategyOf(readableStrategy);
    const cancel = methodOf(transformer, "cancel");
    const flush = methodOf(transformer, "flush");
    if (transformer?.readableType !== undefined) throw new RangeError("no such type of stream");
    const start = transformer?.start;
    if (start !== undefined && typeof start !== "function") throw new TypeError("start is a function");
    const transform = methodOf(transformer, "transform");
    if (transformer?.writableType !== undefined) throw new RangeError("no such type of stream");
    const readHigh = markOf(reading.mark, 0);
    const writeHigh = markOf(writing.mark, 1);

    const begun = pending();
    const own = newTransform();
    const facing = new TransformStreamDefaultController(MADE, own);
    own.transform = transform === undefined
      ? (chunk) => {
          try {
            put(own, chunk);
            return resolved(undefined);
          } catch (error) {
            return rejected(error);
          }
        }
      : (chunk) => transform(chunk, facing);
    own.flush = flush === undefined ? nothing : () => flush(facing);
    own.cancel = cancel === undefined ? nothing : (reason) => cancel(reason);
    this.#writable = makeWritable(sinkOf(own, begun.promise), writeHigh, measureOf(writing.size));
    const measure = measureOf(reading.size);
    this.#readable = makeReadable(() => begun.promise, () => pull(own), (reason) => cancelled(own, reason), readHigh, measure);
    own.writable = writableRecord(this.#writable);
    own.readable = recordOf(this.#readable);
    setPressure(own, true);
    begun.resolve(start === undefined ? undefined : apply(start, transformer, [facing]));
  }

  get readable() {
    return this.#readable;
  }

  get writable() {
    return this.#writable;
  }
}

/** What a transformer is given. */
export class TransformStreamDefaultController {
  #transform;

  constructor(made, transform) {
    if (made !== MADE) throw new TypeError("streams make their controllers");
    this.#transform = transform;
  }

  get desiredSize() {
    return desired(this.#transform.readable.controller);
  }

  enqueue(chunk = undefined) {
    put(this.#transform, chunk);
  }

  error(reason = undefined) {
    failBoth(this.#transform, reason);
  }

  terminate() {
    close(this.#transform.readable.controller);
    failWriting(this.#transform, new TypeError("the stream was ended by its transformer"));
  }
}

function newTransform() {
  return {
    __proto__: null, readable: null, writable: null, pressure: undefined, change: null, transform: nothing,
    flush: nothing, cancel: nothing, finishing: null,
  };
}

function setPressure(own, now) {
  own.change?.resolve(undefined);
  own.change = pending();
  own.pressure = now;
}

function put(own, chunk) {
  const { controller } = own.readable;
  if (!canEnqueue(controller)) throw new TypeError("the stream is closed or closing");
  try {
    enqueue(controller, chunk);
  } catch (error) {
    failWriting(own, error);
    throw own.readable.stored;
  }
  const { reader } = own.readable;
  const wanted = reader !== null && reader.requests.first < reader.requests.items.length;
  const now = !wanted && !(desired(controller) > 0);
  if (now !== own.pressure) setPressure(own, true);
}

function forget(own) {
  own.transform = own.flush = own.cancel = undefined;
}

function failBoth(own, error) {
  fail(own.readable.controller, error);
  failWriting(own, error);
}

function failWriting(own, error) {
  forget(own);
  controllerError(own.writable.controller, error);
  unblock(own);
}

function unblock(own) {
  if (own.pressure) setPressure(own, false);
}

function perform(own, chunk) {
  return then(own.transform(chunk), undefined, (error) => {
    failBoth(own, error);
    throw error;
  });
}

function sinkOf(own, begun) {
  return {
    start: () => begun,
    write: (chunk) => {
      if (!own.pressure) return perform(own, chunk);
      return then(own.change.promise, () => {
        const { writable } = own;
        if (writable.state === ERRORING) throw writable.stored;
        return perform(own, chunk);
      });
    },
    close: () => closed(own),
    abort: (reason) => aborted(own, reason),
  };
}

/** Flush and cancel of the transformer, of which only one is called, once. */
function finish(own, act, good, bad) {
  if (own.finishing !== null) return own.finishing.promise;
  own.finishing = pending();
  const { promise, resolve, reject } = own.finishing;
  const result = act();
  forget(own);
  then(
    result,
    () => {
      const error = good();
      if (error === undefined) resolve(undefined);
      else reject(error.reason);
    },
    (error) => {
      bad(error);
      reject(error);
    },
  );
  return promise;
}

function closed(own) {
  return finish(
    own,
    () => own.flush(),
    () => {
      if (own.readable.state === READ_ERRORED) return { reason: own.readable.stored };
      close(own.readable.controller);
      return undefined;
    },
    (error) => fail(own.readable.controller, error),
  );
}

function aborted(own, reason) {
  return finish(
    own,
    () => own.cancel(reason),
    () => {
      if (own.readable.state === READ_ERRORED) return { reason: own.readable.stored };
      fail(own.readable.controller, reason);
      return undefined;
    },
    (error) => fail(own.readable.controller, error),
  );
}

function cancelled(own, reason) {
  return finish(
    own,
    () => own.cancel(reason),
    () => {
      if (own.writable.state === "errored") return { reason: own.writable.stored };
      controllerError(own.writable.controller, reason);
      unblock(own);
      return undefined;
    },
    (error) => {
      controllerError(own.writable.controller, error);
      unblock(own);
    },
  );
}

function pull(own) {
  setPressure(own, false);
  return own.change.promise;
}

shown(TransformStream.prototype, ["readable", "writable"], "TransformStream");
shown(TransformStreamDefaultController.prototype, ["desiredSize", "enqueue", "error", "terminate"], "TransformStreamDefaultController");
