// SPDX-License-Identifier: Apache-2.0
/** One stream written into another. */

import { isSignal, onAbort } from "./abort.js";
import { pending, resolved, then } from "./primordials.js";
import { handled } from "./promises.js";
import { CLOSED, ERRORED, READABLE, acquire, cancelStream, read, release } from "./readable.js";
import * as sink from "./writable.js";
import { isWritable, writableRecord } from "./writable_stream.js";

/** Throws TypeError for what is no pair of streams, or locked. */
export function pipeThrough(stream, isReadable, pair, options) {
  if (pair === null || (typeof pair !== "object" && typeof pair !== "function")) throw new TypeError("pipeThrough takes a pair of streams");
  const { readable } = pair;
  if (!isReadable(readable)) throw new TypeError("readable is a ReadableStream");
  const { writable } = pair;
  handled(pipe(stream, writable, options));
  return readable;
}

/**
 * @param {object} source a record of readable.js
 * @param {WritableStream} target
 * @returns {Promise<undefined>} Throws TypeError when one of both is locked.
 */
export function pipe(source, target, options) {
  if (!isWritable(target)) throw new TypeError("a stream is piped to a WritableStream");
  const { preventAbort = false, preventCancel = false, preventClose = false, signal } = options ?? {};
  if (signal !== undefined && !isSignal(signal)) throw new TypeError("signal is an AbortSignal");
  const keep = { abort: !!preventAbort, cancel: !!preventCancel, close: !!preventClose };
  const stream = writableRecord(target);
  if (source.reader !== null || stream.writer !== null) throw new TypeError("a stream that is piped is locked already");
  return new Pipe(source, stream, keep).run(signal);
}

class Pipe {
  #source;
  #target;
  #keep;
  #reader;
  #writer;
  #written = resolved(undefined);
  #over = false;
  #result = pending();
  #forgetSignal = null;

  constructor(source, target, keep) {
    this.#source = source;
    this.#target = target;
    this.#keep = keep;
    this.#reader = acquire(source);
    this.#writer = sink.acquireWriter(target);
    source.disturbed = true;
  }

  run(signal) {
    const { promise } = this.#result;
    if (signal !== undefined) {
      const stop = () => this.#stop(signal.reason);
      if (signal.aborted) {
        stop();
        return promise;
      }
      this.#forgetSignal = onAbort(signal, stop);
    }
    const source = this.#source;
    const target = this.#target;
    const keep = this.#keep;
    whenErrored(source, this.#reader.closed.promise, ERRORED, (error) => {
      this.#end(keep.abort ? null : () => sink.abortStream(target, error), { error });
    });
    whenErrored(target, this.#writer.closed.promise, sink.ERRORED, (error) => {
      this.#end(keep.cancel ? null : () => cancelStream(source, error), { error });
    });
    whenClosed(source, this.#reader.closed.promise, () => {
      this.#end(keep.close ? null : () => this.#close(), null);
    });
    if (sink.isClosing(target) || target.state === sink.CLOSED) {
      const error = new TypeError("the stream that is piped to is closed");
      this.#end(keep.cancel ? null : () => cancelStream(source, error), { error });
    }
    this.#next();
    return promise;
  }

  #next() {
    if (this.#over) return;
    then(this.#writer.ready.promise, () => {
      if (this.#over) return;
      read(this.#reader, {
        chunk: (chunk) => {
          this.#written = then(sink.write(this.#writer, chunk), undefined, () => undefined);
          this.#next();
        },
        close: () => undefined,
        error: () => undefined,
      });
    }, () => undefined);
  }

  #stop(error) {
    const source = this.#source;
    const target = this.#target;
    const keep = this.#keep;
    this.#end(() => {
      const both = [
        keep.abort || target.state !== sink.WRITABLE ? resolved(undefined) : sink.abortStream(target, error),
        keep.cancel || source.state !== READABLE ? resolved(undefined) : cancelStream(source, error),
      ];
      return then(both[0], () => both[1], (reason) => {
        handled(both[1]);
        throw reason;
      });
    }, { error });
  }

  #close() {
    const target = this.#target;
    if (sink.isClosing(target) || target.state === sink.CLOSED) return resolved(undefined);
    if (target.state === sink.ERRORED) {
      const failed = pending();
      failed.reject(target.stored);
      return failed.promise;
    }
    return sink.closeStream(target);
  }

  /** Once: what was read is written first, then `act`, then the promise is settled. */
  #end(act, outcome) {
    if (this.#over) return;
    this.#over = true;
    const perform = () => {
      if (act === null) return this.#finish(outcome);
      return then(act(), () => this.#finish(outcome), (error) => this.#finish({ error }));
    };
    if (this.#target.state === sink.WRITABLE && !sink.isClosing(this.#target)) this.#drain(perform);
    else perform();
  }

  #drain(perform) {
    const last = this.#written;
    then(last, () => (last === this.#written ? perform() : this.#drain(perform)));
  }

  #finish(outcome) {
    sink.releaseWriter(this.#writer);
    release(this.#reader);
    this.#forgetSignal?.();
    if (outcome === null) this.#result.resolve(undefined);
    else this.#result.reject(outcome.error);
  }
}

function whenErrored(stream, closed, errored, act) {
  if (stream.state === errored) act(stream.stored);
  else then(closed, undefined, act);
}

function whenClosed(stream, closed, act) {
  if (stream.state === CLOSED) act();
  else then(closed, act, () => undefined);
}
