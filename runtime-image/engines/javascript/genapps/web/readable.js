// SPDX-License-Identifier: Apache-2.0
/** How readable streams work, by the streams standard. Their state is in records that apps cannot reach. */

import { pending, rejected, resolved, then } from "./primordials.js";
import { handled } from "./promises.js";
import { empty, isEmpty, newQueue, put, take } from "./queues.js";

export const READABLE = "readable";
export const CLOSED = "closed";
export const ERRORED = "errored";
export const nothing = () => resolved(undefined);

export function newStream() {
  return { __proto__: null, state: READABLE, reader: null, stored: undefined, disturbed: false, controller: null };
}

export function setUp(stream, start, pull, cancel, highWater, size) {
  begin(
    {
      __proto__: null, stream, queue: newQueue(), started: false, closing: false, pulling: false, again: false,
      pull, cancel, highWater, size, give: giveChunk, clear: null, released: null,
    },
    start,
  );
}

/**
 * Its start, for a controller of either kind: `give` serves a read, `clear` drops what only bytes have, `released` is
 * told that the reader has gone.
 */
export function begin(controller, start) {
  controller.stream.controller = controller;
  then(
    resolved(start(controller)),
    () => {
      controller.started = true;
      pullIfNeeded(controller);
    },
    (error) => fail(controller, error),
  );
}

/** Whether more can be put into it. */
export function canEnqueue(controller) {
  return !controller.closing && controller.stream.state === READABLE;
}

export function enqueue(controller, chunk) {
  const { stream } = controller;
  if (stream.reader !== null && !isEmpty(stream.reader.requests)) take(stream.reader.requests).chunk(chunk);
  else {
    try {
      put(controller.queue, chunk, controller.size(chunk));
    } catch (error) {
      fail(controller, error);
      throw error;
    }
  }
  pullIfNeeded(controller);
}

export function close(controller) {
  if (!canEnqueue(controller)) return;
  controller.closing = true;
  if (isEmpty(controller.queue)) finish(controller);
}

/** Nothing comes any more, and all has been read. */
export function finish(controller) {
  forget(controller);
  closeStream(controller.stream);
}

/** The stream ends in an error, unless it has ended. */
export function fail(controller, error) {
  if (controller.stream.state !== READABLE) return;
  controller.clear?.(controller);
  empty(controller.queue);
  forget(controller);
  errorStream(controller.stream, error);
}

export function desired(controller) {
  const { state } = controller.stream;
  return state === ERRORED ? null : state === CLOSED ? 0 : controller.highWater - controller.queue.total;
}

function forget(controller) {
  controller.pull = nothing;
  controller.cancel = nothing;
  controller.size = undefined;
}

export function pullIfNeeded(controller) {
  if (!canEnqueue(controller) || !controller.started) return;
  const { reader } = controller.stream;
  if (!(reader !== null && !isEmpty(reader.requests)) && !(desired(controller) > 0)) return;
  if (controller.pulling) {
    controller.again = true;
    return;
  }
  controller.pulling = true;
  then(
    controller.pull(controller),
    () => {
      controller.pulling = false;
      if (controller.again) {
        controller.again = false;
        pullIfNeeded(controller);
      }
    },
    (error) => fail(controller, error),
  );
}

/** Take a chunk: exactly one of the request's `chunk`, `close` and `error` is called. */
export function read(reader, request) {
  const { stream } = reader;
  stream.disturbed = true;
  if (stream.state === CLOSED) request.close();
  else if (stream.state === ERRORED) request.error(stream.stored);
  else stream.controller.give(stream.controller, request);
}

function giveChunk(controller, request) {
  if (isEmpty(controller.queue)) {
    waitFor(controller, request);
    return;
  }
  const chunk = take(controller.queue);
  if (controller.closing && isEmpty(controller.queue)) finish(controller);
  else pullIfNeeded(controller);
  request.chunk(chunk);
}

/** The request is served by what comes. */
export function waitFor(controller, request) {
  put(controller.stream.reader.requests, request, 0);
  pullIfNeeded(controller);
}

/** @returns {Promise<{ value: unknown, done: boolean }>} */
export function readOne(reader) {
  const { promise, resolve, reject } = pending();
  read(reader, {
    chunk: (value) => resolve({ value, done: false }),
    close: () => resolve({ value: undefined, done: true }),
    error: reject,
  });
  return promise;
}

/** Lock the stream, for reads into memory of the reader where `byob` is said. Throws TypeError when it is locked. */
export function acquire(stream, byob = false) {
  if (stream.reader !== null) throw new TypeError("the stream is locked: it has a reader already");
  const reader = { __proto__: null, stream, requests: newQueue(), closed: pending(), byob };
  stream.reader = reader;
  if (stream.state === CLOSED) reader.closed.resolve(undefined);
  else if (stream.state === ERRORED) {
    reader.closed.reject(stream.stored);
    handled(reader.closed.promise);
  }
  return reader;
}

export function release(reader) {
  const error = new TypeError("the reader has let the stream go");
  if (reader.stream.state !== READABLE) reader.closed = pending();
  reader.closed.reject(error);
  handled(reader.closed.promise);
  const { controller } = reader.stream;
  controller.released?.(controller);
  reader.stream.reader = null;
  reader.stream = null;
  const { requests } = reader;
  while (!isEmpty(requests)) take(requests).error(error);
}

export function cancelStream(stream, reason) {
  stream.disturbed = true;
  if (stream.state === CLOSED) return resolved(undefined);
  if (stream.state === ERRORED) return rejected(stream.stored);
  closeStream(stream);
  const { controller, reader } = stream;
  if (reader !== null && reader.byob) closeRequests(reader);
  controller.clear?.(controller);
  empty(controller.queue);
  const result = controller.cancel(reason);
  forget(controller);
  return then(result, () => undefined);
}

/**
 * What cancels each of two branches of a stream, by its number: the stream itself is cancelled when both are, with both
 * reasons, and settles `whole`. @param {[boolean, boolean]} cancelled which ones are
 */
export function cancelsOfTwo(stream, cancelled, whole) {
  const reasons = [undefined, undefined];
  return (at) => (reason) => {
    cancelled[at] = true;
    reasons[at] = reason;
    if (cancelled[1 - at]) whole.resolve(cancelStream(stream, reasons));
    return whole.promise;
  };
}

function closeStream(stream) {
  stream.state = CLOSED;
  const { reader } = stream;
  if (reader === null) return;
  reader.closed.resolve(undefined);
  if (!reader.byob) closeRequests(reader);
}

function closeRequests(reader) {
  while (!isEmpty(reader.requests)) take(reader.requests).close(undefined);
}

function errorStream(stream, error) {
  stream.state = ERRORED;
  stream.stored = error;
  const { reader } = stream;
  if (reader === null) return;
  reader.closed.reject(error);
  handled(reader.closed.promise);
  while (!isEmpty(reader.requests)) take(reader.requests).error(error);
}

