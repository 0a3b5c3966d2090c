// SPDX-License-Identifier: Apache-2.0
/** What apps see of byte streams: their controller, its requests, and the reader that gives the memory. */

import { closeBytes, enqueueBytes, isBytes, readInto, requestOf, respond, respondWith } from "./byte_controller.js";
import { shown } from "./iterators.js";
import { bufferLength, bufferOf, byteLength, bytesOf, isDetached, isView, pending, trunc, viewKind, VIEWS } from "./primordials.js";
import { promised } from "./promises.js";
import { acquire, canEnqueue, cancelStream, desired, fail, release } from "./readable.js";

const MADE = {};

export const facingBytes = (controller) => new ReadableByteStreamController(MADE, controller);
export const byobReader = (stream) => new ReadableStreamBYOBReader(MADE, stream);

/** A view on memory that can be given away, as a Uint8Array. Throws TypeError. */
function givable(view) {
  if (!isView(view)) throw new TypeError("bytes are given as a view of an ArrayBuffer");
  const bytes = bytesOf(view);
  if (isDetached(bufferOf(bytes))) throw new TypeError("the view's memory was given away");
  return bytes;
}

/** The same where it must have room. */
function roomy(view) {
  const bytes = givable(view);
  if (byteLength(bytes) === 0 || bufferLength(bufferOf(bytes)) === 0) throw new TypeError("the view is empty");
  return bytes;
}

/** What the source of a byte stream is given. */
export class ReadableByteStreamController {
  #controller;

  constructor(made, controller) {
    if (made !== MADE) throw new TypeError("streams make their controllers");
    this.#controller = controller;
  }

  get byobRequest() {
    const request = requestOf(this.#controller);
    return request === null ? null : (request.face ??= new ReadableStreamBYOBRequest(MADE, request));
  }

  get desiredSize() {
    return desired(this.#controller);
  }

  close() {
    if (!canEnqueue(this.#controller)) throw new TypeError("the stream is closed or closing");
    closeBytes(this.#controller);
  }

  enqueue(chunk) {
    const controller = this.#controller;
    const bytes = roomy(chunk);
    if (!canEnqueue(controller)) throw new TypeError("the stream is closed or closing");
    enqueueBytes(controller, bytes);
  }

  error(reason = undefined) {
    fail(this.#controller, reason);
  }
}

/** Memory that a source fills. */
export class ReadableStreamBYOBRequest {
  #request;

  constructor(made, request) {
    if (made !== MADE) throw new TypeError("streams make their requests");
    this.#request = request;
  }

  get view() {
    return this.#request.view;
  }

  respond(count) {
    const request = this.#request;
    if (arguments.length < 1) throw new TypeError("respond takes a number of bytes");
    const number = trunc(+count);
    if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER)) throw new TypeError("respond takes a number of bytes from 0 on");
    givable(open(request).view);
    respond(request.controller, number + 0);
  }

  respondWithNewView(view) {
    const request = this.#request;
    if (!isView(view)) throw new TypeError("respondWithNewView takes a view");
    open(request);
    respondWith(request.controller, givable(view));
  }
}

function open(request) {
  if (request.controller === null) throw new TypeError("the request was responded to already");
  return request;
}

/** The one who reads a byte stream into memory of their own. */
export class ReadableStreamBYOBReader {
  #reader;

  constructor(stream, record) {
    const given = stream === MADE ? record : recordIn(stream);
    if (given.reader !== null) throw new TypeError("the stream is locked: it has a reader already");
    if (!isBytes(given.controller)) throw new TypeError("the stream is no byte stream: make it with { type: \"bytes\" }");
    this.#reader = acquire(given, true);
  }

  get closed() {
    return promised(() => this.#reader.closed.promise);
  }

  cancel(reason = undefined) {
    return promised(() => cancelStream(this.#held(), reason));
  }

  read(view, options = undefined) {
    return promised(() => {
      const reader = this.#reader;
      if (!isView(view)) throw new TypeError("read takes a view to read into");
      const least = leastOf(options);
      const size = byteLength(roomy(view));
      const kind = viewKind(view);
      if (least === 0) throw new TypeError("min is a number from 1 on");
      if (least > (kind === undefined ? size : size / VIEWS[kind].BYTES_PER_ELEMENT)) throw new RangeError("min is more than the view holds");
      this.#held();
      const { promise, resolve, reject } = pending();
      readInto(reader, view, least, {
        chunk: (value) => resolve({ value, done: false }),
        close: (value) => resolve({ value, done: true }),
        error: reject,
      });
      return promise;
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

let recordIn;
/** Set by the module of ReadableStream, which imports this one. */
export const setRecordOf = (recordOf) => {
  recordIn = recordOf;
};

function leastOf(options) {
  if (options === undefined || options === null) return 1;
  if (typeof options !== "object" && typeof options !== "function") throw new TypeError("the options of a read are an object");
  const given = options.min;
  if (given === undefined) return 1;
  const least = trunc(+given);
  if (!(least >= 0 && least <= Number.MAX_SAFE_INTEGER)) throw new TypeError("min is a number from 1 on");
  return least;
}

shown(ReadableByteStreamController.prototype, ["byobRequest", "desiredSize", "close", "enqueue", "error"], "ReadableByteStreamController");
shown(ReadableStreamBYOBRequest.prototype, ["view", "respond", "respondWithNewView"], "ReadableStreamBYOBRequest");
shown(ReadableStreamBYOBReader.prototype, ["closed", "cancel", "read", "releaseLock"], "ReadableStreamBYOBReader");
