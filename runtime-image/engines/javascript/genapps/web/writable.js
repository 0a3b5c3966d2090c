// SPDX-License-Identifier: Apache-2.0
/** How writable streams work, by the streams standard. Their state is in records that apps cannot reach. */

import { promiseState } from "genapps:native";

import { pending, rejected, resolved, shift, then } from "./primordials.js";
import { handled } from "./promises.js";
import { empty, isEmpty, newQueue, peek, put, take } from "./queues.js";

export const WRITABLE = "writable";
export const ERRORING = "erroring";
export const ERRORED = "errored";
export const CLOSED = "closed";
const CLOSE = {};

export function newStream() {
  return {
    __proto__: null, state: WRITABLE, stored: undefined, writer: null, controller: null, backpressure: false,
    closeRequest: null, writing: null, closing: null, aborting: null, writes: [],
  };
}

/**
 * @param {object} stream a record
 * @param {{ start: Function, write: Function, close: Function, abort: Function }} sink all but start give promises
 * @param {() => void} abortSignal tells the sink that nobody waits
 */
export function setUp(stream, sink, highWater, size, abortSignal) {
  const controller = {
    __proto__: null, stream, queue: newQueue(), started: false, highWater, size, write: sink.write, close: sink.close,
    abort: sink.abort, abortSignal,
  };
  stream.controller = controller;
  updateBackpressure(stream, pressure(controller));
  then(
    resolved(sink.start(controller)),
    () => {
      controller.started = true;
      advance(controller);
    },
    (error) => {
      controller.started = true;
      reject(stream, error);
    },
  );
}

function pressure(controller) {
  return desired(controller) <= 0;
}

export function desired(controller) {
  return controller.highWater - controller.queue.total;
}

export function isClosing(stream) {
  return stream.closeRequest !== null || stream.closing !== null;
}

function forget(controller) {
  controller.write = controller.close = controller.abort = controller.size = undefined;
}

function updateBackpressure(stream, now) {
  const { writer } = stream;
  if (writer !== null && now !== stream.backpressure) {
    if (now) writer.ready = pending();
    else writer.ready.resolve(undefined);
  }
  stream.backpressure = now;
}

export function acquireWriter(stream) {
  if (stream.writer !== null) throw new TypeError("the stream is locked: it has a writer already");
  const writer = { __proto__: null, stream, ready: pending(), closed: pending() };
  stream.writer = writer;
  const { state } = stream;
  if (state === WRITABLE) {
    if (isClosing(stream) || !stream.backpressure) writer.ready.resolve(undefined);
  } else if (state === ERRORING) fail(writer.ready, stream.stored);
  else if (state === CLOSED) {
    writer.ready.resolve(undefined);
    writer.closed.resolve(undefined);
  } else {
    fail(writer.ready, stream.stored);
    fail(writer.closed, stream.stored);
  }
  return writer;
}

function fail(waiting, error) {
  handled(waiting.promise);
  waiting.reject(error);
}

export function releaseWriter(writer) {
  const error = new TypeError("the writer has let the stream go");
  refresh(writer, "ready", error);
  refresh(writer, "closed", error);
  writer.stream.writer = null;
  writer.stream = null;
}

/** Reject what waits; where it was settled before, whoever asks from now on gets a rejection. */
function refresh(writer, name, error) {
  if (promiseState(writer[name].promise) !== 0) writer[name] = pending();
  fail(writer[name], error);
}

export function abortStream(stream, reason) {
  if (stream.state === CLOSED || stream.state === ERRORED) return resolved(undefined);
  stream.controller.abortSignal(reason);
  const { state } = stream;
  if (state === CLOSED || state === ERRORED) return resolved(undefined);
  if (stream.aborting !== null) return stream.aborting.waiting.promise;
  const erroring = state === ERRORING;
  stream.aborting = { waiting: pending(), reason: erroring ? undefined : reason, erroring };
  const { promise } = stream.aborting.waiting;
  if (!erroring) startErroring(stream, reason);
  return promise;
}

export function closeStream(stream) {
  if (stream.state === CLOSED || stream.state === ERRORED) {
    return rejected(new TypeError("the stream has ended: it cannot be closed"));
  }
  const waiting = pending();
  stream.closeRequest = waiting;
  const { writer, controller } = stream;
  if (writer !== null && stream.backpressure && stream.state === WRITABLE) writer.ready.resolve(undefined);
  put(controller.queue, CLOSE, 0);
  advance(controller);
  return waiting.promise;
}

export function write(writer, chunk) {
  const { stream } = writer;
  const { controller } = stream;
  let size = 1;
  try {
    if (controller.size !== undefined) size = controller.size(chunk);
  } catch (error) {
    controllerError(controller, error);
  }
  if (stream !== writer.stream) return rejected(new TypeError("the writer has let the stream go"));
  const { state } = stream;
  if (state === ERRORED) return rejected(stream.stored);
  if (isClosing(stream) || state === CLOSED) return rejected(new TypeError("the stream is closed or closing"));
  if (state === ERRORING) return rejected(stream.stored);
  const waiting = pending();
  stream.writes[stream.writes.length] = waiting;
  try {
    put(controller.queue, { chunk }, size);
  } catch (error) {
    controllerError(controller, error);
    return waiting.promise;
  }
  if (!isClosing(stream) && stream.state === WRITABLE) updateBackpressure(stream, pressure(controller));
  advance(controller);
  return waiting.promise;
}

/** The stream ends in an error, if it can still write. */
export function controllerError(controller, error) {
  if (controller.stream.state !== WRITABLE) return;
  forget(controller);
  startErroring(controller.stream, error);
}

function startErroring(stream, reason) {
  stream.state = ERRORING;
  stream.stored = reason;
  const { writer, controller } = stream;
  if (writer !== null) {
    const settled = !stream.backpressure || isClosing(stream);
    if (settled) writer.ready = pending();
    fail(writer.ready, reason);
  }
  if (stream.writing === null && stream.closing === null && controller.started) finishErroring(stream);
}

function reject(stream, error) {
  if (stream.state === WRITABLE) startErroring(stream, error);
  else finishErroring(stream);
}

function finishErroring(stream) {
  stream.state = ERRORED;
  const { controller, stored } = stream;
  empty(controller.queue);
  const { writes } = stream;
  stream.writes = [];
  for (let at = 0; at < writes.length; at += 1) writes[at].reject(stored);
  const { aborting } = stream;
  if (aborting === null) return rejectClosed(stream);
  stream.aborting = null;
  if (aborting.erroring) {
    aborting.waiting.reject(stored);
    return rejectClosed(stream);
  }
  const { abort } = controller;
  forget(controller);
  then(
    abort(aborting.reason),
    () => {
      aborting.waiting.resolve(undefined);
      rejectClosed(stream);
    },
    (error) => {
      aborting.waiting.reject(error);
      rejectClosed(stream);
    },
  );
  return undefined;
}

function rejectClosed(stream) {
  if (stream.closeRequest !== null) {
    stream.closeRequest.reject(stream.stored);
    stream.closeRequest = null;
  }
  if (stream.writer !== null) fail(stream.writer.closed, stream.stored);
}

function advance(controller) {
  const { stream, queue } = controller;
  if (!controller.started || stream.writing !== null) return;
  if (stream.state === ERRORING) {
    finishErroring(stream);
    return;
  }
  if (stream.state !== WRITABLE || isEmpty(queue)) return;
  const next = peek(queue);
  if (next === CLOSE) processClose(controller);
  else processWrite(controller, next.chunk);
}

function processClose(controller) {
  const { stream } = controller;
  stream.closing = stream.closeRequest;
  stream.closeRequest = null;
  take(controller.queue);
  const result = controller.close();
  forget(controller);
  then(
    result,
    () => {
      stream.closing.resolve(undefined);
      stream.closing = null;
      if (stream.state === ERRORING && stream.aborting !== null) {
        stream.aborting.waiting.resolve(undefined);
        stream.aborting = null;
      }
      stream.state = CLOSED;
      stream.writer?.closed.resolve(undefined);
    },
    (error) => {
      stream.closing.reject(error);
      stream.closing = null;
      if (stream.aborting !== null) {
        stream.aborting.waiting.reject(error);
        stream.aborting = null;
      }
      reject(stream, error);
    },
  );
}

function processWrite(controller, chunk) {
  const { stream } = controller;
  stream.writing = shift(stream.writes);
  then(
    controller.write(chunk, controller),
    () => {
      stream.writing.resolve(undefined);
      stream.writing = null;
      take(controller.queue);
      if (!isClosing(stream) && stream.state === WRITABLE) updateBackpressure(stream, pressure(controller));
      advance(controller);
    },
    (error) => {
      if (stream.state === WRITABLE) forget(controller);
      stream.writing.reject(error);
      stream.writing = null;
      reject(stream, error);
    },
  );
}
