// SPDX-License-Identifier: Apache-2.0
/**
 * How byte streams work, by the streams standard: their chunks are bytes, and a reader may give the memory for them.
 *
 * What the standard calls a pull-into is a read into such memory: a record `{ kind, buffer, whole, offset, length,
 * filled, least, step, reader }`, in bytes; `kind` names the view that the reader gave.
 */

import {
  VIEWS, bufferLength, bufferOf, byteLength, bytesOf, construct, copyBytes, isDetached, min, offsetOf, setBytes, shift,
  transferBuffer, viewKind,
} from "./primordials.js";
import { isEmpty, newQueue, peek, put, shorten, take } from "./queues.js";
import { CLOSED, ERRORED, READABLE, begin, canEnqueue, fail, finish, pullIfNeeded, waitFor } from "./readable.js";

const { ArrayBuffer, DataView, Uint8Array: Bytes } = globalThis;
const [DEFAULT, BYOB, NOBODY] = ["default", "byob", "none"];

/** @param {number | undefined} autoSize bytes that are allocated for a read of a reader that gives none */
export function setUpBytes(stream, start, pull, cancel, highWater, autoSize) {
  begin(
    {
      __proto__: null, stream, queue: newQueue(), started: false, closing: false, pulling: false, again: false,
      pull, cancel, highWater, size: undefined, give, clear, released, autoSize, intos: [], request: null,
    },
    start,
  );
}

export const isBytes = (controller) => controller.intos !== undefined;

function clear(controller) {
  invalidate(controller);
  controller.intos = [];
}

function released(controller) {
  const first = controller.intos[0];
  if (first === undefined) return;
  first.reader = NOBODY;
  controller.intos = [first];
}

function invalidate(controller) {
  const { request } = controller;
  if (request === null) return;
  request.controller = request.view = null;
  controller.request = null;
}

/** What a source fills and responds to: `{ controller, view }`; null when nobody waits for bytes. */
export function requestOf(controller) {
  if (controller.request === null && controller.intos.length > 0) {
    const { buffer, offset, filled, length } = controller.intos[0];
    const view = new Bytes(buffer, offset + filled, length - filled);
    controller.request = { __proto__: null, controller, view, face: null };
  }
  return controller.request;
}

/** Throws TypeError where its memory cannot be had. @param {Uint8Array} chunk */
export function enqueueBytes(controller, chunk) {
  const { stream } = controller;
  if (!canEnqueue(controller)) return;
  const offset = offsetOf(chunk);
  const length = byteLength(chunk);
  const buffer = transferBuffer(bufferOf(chunk));
  const first = controller.intos[0];
  if (first !== undefined) {
    if (isDetached(first.buffer)) throw new TypeError("the memory of the read was given away");
    invalidate(controller);
    first.buffer = transferBuffer(first.buffer);
    if (first.reader === NOBODY) keepFilled(controller, first);
  }
  const { reader } = stream;
  if (reader !== null && !reader.byob) {
    while (!isEmpty(reader.requests) && controller.queue.total > 0) giveFirst(controller, take(reader.requests));
    if (isEmpty(reader.requests)) keep(controller, buffer, offset, length);
    else {
      if (controller.intos.length > 0) shift(controller.intos);
      take(reader.requests).chunk(new Bytes(buffer, offset, length));
    }
  } else {
    keep(controller, buffer, offset, length);
    if (reader !== null) commitAll(controller, fillIntos(controller));
  }
  pullIfNeeded(controller);
}

function keep(controller, buffer, offset, length) {
  put(controller.queue, { buffer, offset }, length);
}

/** What a read had got whose reader has gone. */
function keepFilled(controller, into) {
  if (into.filled > 0) keepCopy(controller, into.buffer, into.offset, into.filled);
  shift(controller.intos);
}

function keepCopy(controller, buffer, offset, length) {
  keep(controller, bufferOf(copyBytes(new Bytes(buffer, offset, length))), 0, length);
}

/** Throws TypeError, and the stream ends in it, when a read has got a part of an element only. */
export function closeBytes(controller) {
  if (!canEnqueue(controller)) return;
  if (controller.queue.total > 0) {
    controller.closing = true;
    return;
  }
  const first = controller.intos[0];
  if (first !== undefined && first.filled % first.step !== 0) {
    const error = new TypeError("the stream ends within an element of what is read");
    fail(controller, error);
    throw error;
  }
  finish(controller);
}

/** The same, and who waits for bytes learns of it: what an app's source does by `respond(0)`. */
export function endBytes(controller) {
  closeBytes(controller);
  if (controller.stream.state === CLOSED && controller.intos.length > 0) respond(controller, 0);
}

function drained(controller) {
  if (controller.queue.total === 0 && controller.closing) finish(controller);
  else pullIfNeeded(controller);
}

function giveFirst(controller, request) {
  const { queue } = controller;
  const length = queue.sizes[queue.first];
  const { buffer, offset } = take(queue);
  drained(controller);
  request.chunk(new Bytes(buffer, offset, length));
}

function give(controller, request) {
  if (controller.queue.total > 0) {
    giveFirst(controller, request);
    return;
  }
  const size = controller.autoSize;
  if (size !== undefined) {
    let buffer;
    try {
      buffer = new ArrayBuffer(size);
    } catch (error) {
      request.error(error);
      return;
    }
    addInto(controller, { __proto__: null, kind: "Uint8Array", buffer, whole: size, offset: 0, length: size, filled: 0, least: 1, step: 1, reader: DEFAULT });
  }
  waitFor(controller, request);
}

function addInto(controller, into) {
  controller.intos[controller.intos.length] = into;
}

/**
 * Read into a view: exactly one of the request's `chunk`, `close` and `error` is called.
 * @param {ArrayBufferView} view its memory moves to the stream
 * @param {number} least how many elements are wanted at least
 */
export function readInto(reader, view, least, request) {
  const { stream } = reader;
  stream.disturbed = true;
  if (stream.state === ERRORED) {
    request.error(stream.stored);
    return;
  }
  const { controller } = stream;
  const kind = viewKind(view);
  const step = kind === undefined ? 1 : VIEWS[kind].BYTES_PER_ELEMENT;
  let into;
  try {
    const bytes = bytesOf(view);
    const offset = offsetOf(bytes);
    const length = byteLength(bytes);
    const buffer = transferBuffer(bufferOf(bytes));
    into = { __proto__: null, kind, buffer, whole: bufferLength(buffer), offset, length, filled: 0, least: least * step, step, reader: BYOB };
  } catch (error) {
    request.error(error);
    return;
  }
  if (controller.intos.length === 0) {
    if (stream.state === CLOSED) {
      request.close(viewOf(into));
      return;
    }
    if (controller.queue.total > 0) {
      if (fill(controller, into)) {
        const filled = handedOver(into);
        drained(controller);
        request.chunk(filled);
        return;
      }
      if (controller.closing) {
        const error = new TypeError("the stream ends before so much can be read");
        fail(controller, error);
        request.error(error);
        return;
      }
    }
  }
  addInto(controller, into);
  waitFor(controller, request);
}

/** Move bytes from the queue; whether the read has got what it wants. */
function fill(controller, into) {
  const { queue } = controller;
  const most = into.filled + min(queue.total, into.length - into.filled);
  const whole = most - (most % into.step);
  const ready = whole >= into.least;
  let left = (ready ? whole : most) - into.filled;
  while (left > 0) {
    const head = peek(queue);
    const size = min(left, queue.sizes[queue.first]);
    setBytes(new Bytes(into.buffer), new Bytes(head.buffer, head.offset, size), into.offset + into.filled);
    if (size === queue.sizes[queue.first]) take(queue);
    else {
      head.offset += size;
      shorten(queue, size);
    }
    into.filled += size;
    left -= size;
  }
  return ready;
}

function viewOf({ kind, buffer, offset, filled, step }) {
  return kind === undefined ? new DataView(buffer, offset, filled) : construct(VIEWS[kind], [buffer, offset, filled / step]);
}

function handedOver(into) {
  into.buffer = transferBuffer(into.buffer);
  return viewOf(into);
}

function fillIntos(controller) {
  const filled = [];
  while (controller.intos.length > 0 && controller.queue.total > 0 && fill(controller, controller.intos[0])) {
    filled[filled.length] = shift(controller.intos);
  }
  return filled;
}

function commit({ stream }, into) {
  const view = handedOver(into);
  const request = take(stream.reader.requests);
  if (stream.state === CLOSED) request.close(view);
  else request.chunk(view);
}

function commitAll(controller, filled) {
  for (let at = 0; at < filled.length; at += 1) commit(controller, filled[at]);
}

/** So many bytes of the request's view have been written. Throws TypeError or RangeError for a number that cannot be. */
export function respond(controller, count) {
  const first = controller.intos[0];
  if (controller.stream.state === CLOSED) {
    if (count !== 0) throw new TypeError("the stream is closed: nothing more comes");
  } else {
    if (count === 0) throw new TypeError("a response of no bytes is for streams that are closed");
    if (first.filled + count > first.length) throw new RangeError("there is no room for so many bytes");
  }
  first.buffer = transferBuffer(first.buffer);
  responded(controller, count);
}

/** The same with a view on the same memory, which may have moved. @param {Uint8Array} view */
export function respondWith(controller, view) {
  const first = controller.intos[0];
  const size = byteLength(view);
  if (controller.stream.state === CLOSED) {
    if (size !== 0) throw new TypeError("the stream is closed: nothing more comes");
  } else if (size === 0) throw new TypeError("a response of no bytes is for streams that are closed");
  const buffer = bufferOf(view);
  if (first.offset + first.filled !== offsetOf(view)) throw new RangeError("the view begins elsewhere than the request's");
  if (first.whole !== bufferLength(buffer)) throw new RangeError("the view is of other memory than the request's");
  if (first.filled + size > first.length) throw new RangeError("there is no room for so many bytes");
  first.buffer = transferBuffer(buffer);
  responded(controller, size);
}

function responded(controller, count) {
  const first = controller.intos[0];
  invalidate(controller);
  if (controller.stream.state === READABLE) received(controller, first, count);
  else endIntos(controller, first);
  pullIfNeeded(controller);
}

function endIntos(controller, first) {
  if (first.reader === NOBODY) shift(controller.intos);
  const { reader } = controller.stream;
  if (reader === null || !reader.byob) return;
  const filled = [];
  for (let left = reader.requests.items.length - reader.requests.first; left > 0; left -= 1) filled[filled.length] = shift(controller.intos);
  commitAll(controller, filled);
}

function received(controller, into, count) {
  into.filled += count;
  if (into.reader === NOBODY) {
    keepFilled(controller, into);
    commitAll(controller, fillIntos(controller));
    return;
  }
  if (into.filled < into.least) return;
  shift(controller.intos);
  const rest = into.filled % into.step;
  if (rest > 0) keepCopy(controller, into.buffer, into.offset + into.filled - rest, rest);
  into.filled -= rest;
  const filled = fillIntos(controller);
  commit(controller, into);
  commitAll(controller, filled);
}
