// SPDX-License-Identifier: Apache-2.0
/** `ReadableStream` of the streams standard, with its reader and its controller. */

import { setUpBytes, isBytes } from "./byte_controller.js";
import { byobReader, facingBytes, setRecordOf } from "./byte_stream.js";
import { teeBytes } from "./byte_tee.js";
import { beIterator, shown } from "./iterators.js";
import { apply, defineProperty, getPrototypeOf, pending, resolved, then, trunc } from "./primordials.js";
import { calling, methodOf, promised } from "./promises.js";
import { markOf, measureOf, strategyOf } from "./queues.js";
import {
  acquire, canEnqueue, cancelStream, close, desired, enqueue, fail, newStream, nothing, read, readOne, release, setUp,
} from "./readable.js";
import { pipe, pipeThrough } from "./stream_pipe.js";
import { tee } from "./stream_tee.js";

const MADE = {};

/**
 * A stream of ours.
 * @param {(controller: object) => unknown} start
 * @param {(controller: object) => Promise<unknown>} pull
 * @param {(reason: unknown) => Promise<unknown>} cancel
 */
export function makeReadable(start, pull = nothing, cancel = nothing, highWater = 1, size = () => 1) {
  const stream = newStream();
  setUp(stream, start, pull, cancel, highWater, size);
  return new ReadableStream(MADE, stream);
}

/**
 * A byte stream of ours.
 * @param {(controller: object) => Promise<unknown>} pull
 * @param {(reason: unknown) => Promise<unknown>} cancel
 */
export function makeByteStream(pull, cancel = nothing) {
  const stream = newStream();
  setUpBytes(stream, () => undefined, pull, cancel, 0, undefined);
  return new ReadableStream(MADE, stream);
}

/** @type {(stream: ReadableStream) => object} throws TypeError for anything else */
export let recordOf;
/** @type {(value: unknown) => boolean} */
export let isReadable;

/** What an app reads piece by piece. */
export class ReadableStream {
  #stream;

  constructor(source = undefined, strategy = undefined) {
    if (source === MADE) {
      this.#stream = strategy;
      return;
    }
    if (source === null || (source !== undefined && typeof source !== "object" && typeof source !== "function")) {
      throw new TypeError("a stream's source is an object");
    }
    const { mark, size } = strategyOf(strategy);
    const { bytes, autoSize, cancel, pull, start } = sourceOf(source);
    if (bytes && size !== undefined) throw new RangeError("a byte stream measures its chunks: leave out the size");
    const highWater = markOf(mark, bytes ? 0 : 1);
    const stream = newStream();
    this.#stream = stream;
    let outside;
    const facing = bytes
      ? (controller) => (outside ??= facingBytes(controller))
      : (controller) => (outside ??= new ReadableStreamDefaultController(MADE, controller));
    const begin = start === undefined ? () => undefined : (controller) => apply(start, source, [facing(controller)]);
    const more = pull === undefined ? nothing : (controller) => pull(facing(controller));
    const end = cancel === undefined ? nothing : (reason) => cancel(reason);
    if (bytes) setUpBytes(stream, begin, more, end, highWater, autoSize);
    else setUp(stream, begin, more, end, highWater, measureOf(size));
  }

  static from(iterable) {
    const method = iterable[Symbol.asyncIterator] ?? iterable[Symbol.iterator];
    if (typeof method !== "function") throw new TypeError("from takes what can be iterated");
    const iterator = method.call(iterable);
    if (iterator === null || typeof iterator !== "object") throw new TypeError("not an iterator");
    const { next } = iterator;
    const object = (result) => {
      if (result === null || typeof result !== "object") throw new TypeError("an iterator gives objects");
      return result;
    };
    const pull = (controller) =>
      then(calling(next, iterator, []), (result) => {
        if (object(result).done) return close(controller);
        return then(resolved(result.value), (value) => enqueue(controller, value));
      });
    const cancel = (reason) =>
      promised(() => {
        const end = iterator.return;
        if (end === undefined || end === null) return resolved(undefined);
        return then(calling(end, iterator, [reason]), (result) => void object(result));
      });
    return makeReadable(() => undefined, pull, cancel, 0);
  }

  get locked() {
    return this.#stream.reader !== null;
  }

  cancel(reason = undefined) {
    return promised(() => {
      if (this.#stream.reader !== null) throw new TypeError("a locked stream is cancelled by its reader");
      return cancelStream(this.#stream, reason);
    });
  }

  getReader(options = undefined) {
    const stream = this.#stream;
    if (options !== undefined && options !== null && typeof options !== "object" && typeof options !== "function") {
      throw new TypeError("the options of a reader are an object");
    }
    const mode = options?.mode;
    if (mode === undefined) return new ReadableStreamDefaultReader(MADE, stream);
    if (`${mode}` !== "byob") throw new TypeError('the mode of a reader is "byob", or none');
    return byobReader(stream);
  }

  pipeThrough(pair, options = undefined) {
    return pipeThrough(this.#stream, isReadable, pair, options);
  }

  pipeTo(target, options = undefined) {
    return promised(() => pipe(this.#stream, target, options));
  }

  tee() {
    return teed(this.#stream, false);
  }

  values(options = undefined) {
    return new StreamIterator(acquire(this.#stream), !!options?.preventCancel);
  }

  static {
    recordOf = (stream) => stream.#stream;
    isReadable = (value) => typeof value === "object" && value !== null && #stream in value;
  }
}

/** One stream as two; the second one gets copies of the pieces where `copies` is said, as it does of bytes. */
export function teed(stream, copies) {
  return isBytes(stream.controller) ? teeBytes(stream) : tee(stream, copies);
}

/** What a source says, asked for in the order of the standard. Throws TypeError. */
function sourceOf(source) {
  const given = source?.autoAllocateChunkSize;
  const autoSize = given === undefined ? undefined : trunc(+given);
  if (autoSize !== undefined && !(autoSize >= 0 && autoSize <= Number.MAX_SAFE_INTEGER)) {
    throw new TypeError("autoAllocateChunkSize is a number of bytes");
  }
  const cancel = methodOf(source, "cancel");
  const pull = methodOf(source, "pull");
  const start = source?.start;
  if (start !== undefined && typeof start !== "function") throw new TypeError("start is a function");
  const type = source?.type;
  const bytes = type !== undefined;
  if (bytes && `${type}` !== "bytes") throw new TypeError("no such type of stream");
  if (bytes && autoSize === 0) throw new TypeError("autoAllocateChunkSize is a number of bytes from 1 on");
  return { bytes, autoSize, cancel, pull, start };
}

/** What a stream's source is given. */
export class ReadableStreamDefaultController {
  #controller;

  constructor(made, controller) {
    if (made !== MADE) throw new TypeError("streams make their controllers");
    this.#controller = controller;
  }

  get desiredSize() {
    return desired(this.#controller);
  }

  close() {
    if (!canEnqueue(this.#controller)) throw new TypeError("the stream is closed or closing");
    close(this.#controller);
  }

  enqueue(chunk = undefined) {
    if (!canEnqueue(this.#controller)) throw new TypeError("the stream is closed or closing");
    enqueue(this.#controller, chunk);
  }

  error(reason = undefined) {
    fail(this.#controller, reason);
  }
}

/** The one who reads a stream. */
export class ReadableStreamDefaultReader {
  #reader;

  constructor(stream, record) {
    this.#reader = acquire(stream === MADE ? record : recordOf(stream));
  }

  get closed() {
    return promised(() => this.#reader.closed.promise);
  }

  cancel(reason = undefined) {
    return promised(() => cancelStream(this.#held(), reason));
  }

  read() {
    return promised(() => {
      this.#held();
      return readOne(this.#reader);
    });
  }

  releaseLock() {
    if (this.#reader.stream !== null) release(this.#reader);
  }

  #held() {
    if (this.#reader.stream === null) throw new TypeError("the reader has let the stream go");
    return this.#reader.stream;
  }
}

class StreamIterator {
  #reader;
  #keep;
  #ongoing = null;
  #over = false;

  constructor(reader, keep) {
    this.#reader = reader;
    this.#keep = keep;
  }

  next() {
    return this.#after(() => this.#next());
  }

  return(value) {
    return this.#after(() => this.#return(value));
  }

  #after(step) {
    const ongoing = this.#ongoing;
    return (this.#ongoing = ongoing === null ? promised(step) : then(ongoing, step, step));
  }

  #next() {
    if (this.#over) return resolved({ value: undefined, done: true });
    const { promise, resolve, reject } = pending();
    const end = () => {
      this.#over = true;
      release(this.#reader);
    };
    read(this.#reader, {
      chunk: (value) => resolve({ value, done: false }),
      close: () => {
        end();
        resolve({ value: undefined, done: true });
      },
      error: (error) => {
        end();
        reject(error);
      },
    });
    return promise;
  }

  #return(value) {
    if (this.#over) return resolved({ value, done: true });
    this.#over = true;
    const cancelled = this.#keep ? resolved(undefined) : cancelStream(this.#reader.stream, value);
    release(this.#reader);
    return then(cancelled, () => ({ value, done: true }));
  }
}

setRecordOf(recordOf);
const AsyncIteratorPrototype = getPrototypeOf(getPrototypeOf((async function* () {}).prototype));
beIterator(StreamIterator, AsyncIteratorPrototype, "ReadableStream AsyncIterator", ["next", "return"]);
delete StreamIterator.prototype[Symbol.toStringTag];
defineProperty(ReadableStream.prototype, Symbol.asyncIterator, {
  value: ReadableStream.prototype.values, writable: true, configurable: true,
});
defineProperty(ReadableStream, "from", { enumerable: true });
shown(ReadableStream.prototype, ["locked", "cancel", "getReader", "pipeThrough", "pipeTo", "tee", "values"], "ReadableStream");
shown(ReadableStreamDefaultController.prototype, ["desiredSize", "close", "enqueue", "error"], "ReadableStreamDefaultController");
shown(ReadableStreamDefaultReader.prototype, ["closed", "cancel", "read", "releaseLock"], "ReadableStreamDefaultReader");
