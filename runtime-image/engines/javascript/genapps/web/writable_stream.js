// SPDX-License-Identifier: Apache-2.0
/** `WritableStream`, with its writer and its controller. */

import { AbortController } from "./abort.js";
import { shown } from "./iterators.js";
import { apply, rejected, resolved } from "./primordials.js";
import { methodOf, promised } from "./promises.js";
import { markOf, measureOf, strategyOf } from "./queues.js";
import {
  CLOSED, ERRORED, ERRORING, abortStream, acquireWriter, closeStream, controllerError, desired, isClosing, newStream,
  releaseWriter, setUp, write,
} from "./writable.js";

const MADE = {};
const nothing = () => resolved(undefined);

/**
 * A stream of ours.
 * @param {{ start: Function, write: Function, close: Function, abort: Function }} sink
 */
export function makeWritable(sink, highWater, size) {
  const stream = newStream();
  setUp(stream, sink, highWater, size, () => undefined);
  return new WritableStream(MADE, stream);
}

/** @type {(stream: WritableStream) => object} throws TypeError for anything else */
export let writableRecord;
/** @type {(value: unknown) => boolean} */
export let isWritable;

/** What an app writes piece by piece. */
export class WritableStream {
  #stream;

  constructor(sink = undefined, strategy = undefined) {
    if (sink === MADE) {
      this.#stream = strategy;
      return;
    }
    if (sink === null || (sink !== undefined && typeof sink !== "object" && typeof sink !== "function")) {
      throw new TypeError("a stream's sink is an object");
    }
    const { mark, size } = strategyOf(strategy);
    const abort = methodOf(sink, "abort");
    const close = methodOf(sink, "close");
    const start = sink?.start;
    if (start !== undefined && typeof start !== "function") throw new TypeError("start is a function");
    if (sink?.type !== undefined) throw new RangeError("no such type of stream");
    const writing = methodOf(sink, "write");
    const stream = newStream();
    this.#stream = stream;
    const stop = new AbortController();
    let outside;
    const facing = (controller) => (outside ??= new WritableStreamDefaultController(MADE, controller, stop.signal));
    const highWater = markOf(mark, 1);
    const own = {
      start: (controller) => (start === undefined ? undefined : apply(start, sink, [facing(controller)])),
      write: writing === undefined ? nothing : (chunk, controller) => writing(chunk, facing(controller)),
      close: close === undefined ? nothing : () => close(),
      abort: abort === undefined ? nothing : (reason) => abort(reason),
    };
    setUp(stream, own, highWater, measureOf(size), (reason) => stop.abort(reason));
  }

  get locked() {
    return this.#stream.writer !== null;
  }

  abort(reason = undefined) {
    return promised(() => {
      if (this.#stream.writer !== null) throw new TypeError("a locked stream is aborted by its writer");
      return abortStream(this.#stream, reason);
    });
  }

  close() {
    return promised(() => {
      if (this.#stream.writer !== null) throw new TypeError("a locked stream is closed by its writer");
      if (isClosing(this.#stream)) throw new TypeError("the stream is closing already");
      return closeStream(this.#stream);
    });
  }

  getWriter() {
    return new WritableStreamDefaultWriter(this);
  }

  static {
    writableRecord = (stream) => stream.#stream;
    isWritable = (value) => typeof value === "object" && value !== null && #stream in value;
  }
}

/** What a stream's sink is given. */
export class WritableStreamDefaultController {
  #controller;
  #signal;

  constructor(made, controller, signal) {
    if (made !== MADE) throw new TypeError("streams make their controllers");
    this.#controller = controller;
    this.#signal = signal;
  }

  get signal() {
    return this.#signal;
  }

  error(reason = undefined) {
    controllerError(this.#controller, reason);
  }
}

/** The one who writes a stream. */
export class WritableStreamDefaultWriter {
  #writer;

  constructor(stream) {
    this.#writer = acquireWriter(writableRecord(stream));
  }

  get closed() {
    return promised(() => this.#writer.closed.promise);
  }

  get ready() {
    return promised(() => this.#writer.ready.promise);
  }

  get desiredSize() {
    const stream = this.#held();
    const { state } = stream;
    return state === ERRORED || state === ERRORING ? null : state === CLOSED ? 0 : desired(stream.controller);
  }

  abort(reason = undefined) {
    return promised(() => abortStream(this.#held(), reason));
  }

  close() {
    return promised(() => {
      const stream = this.#held();
      return isClosing(stream) ? rejected(new TypeError("the stream is closing already")) : closeStream(stream);
    });
  }

  write(chunk = undefined) {
    return promised(() => {
      this.#held();
      return write(this.#writer, chunk);
    });
  }

  releaseLock() {
    if (this.#writer.stream !== null) releaseWriter(this.#writer);
  }

  #held() {
    if (this.#writer.stream === null) throw new TypeError("the writer has let the stream go");
    return this.#writer.stream;
  }
}

shown(WritableStream.prototype, ["locked", "abort", "close", "getWriter"], "WritableStream");
shown(WritableStreamDefaultController.prototype, ["signal", "error"], "WritableStreamDefaultController");
shown(
  WritableStreamDefaultWriter.prototype,
  ["closed", "ready", "desiredSize", "abort", "close", "write", "releaseLock"],
  "WritableStreamDefaultWriter",
);
