// SPDX-License-Identifier: Apache-2.0
/** Bodies that are streams, or that somebody has seen as one; and how they are read. */

import { utf8Encode } from "genapps:native";

import { streamOfBytes } from "./blob.js";
import { Pieces, held } from "./incoming_body.js";
import { byteLength, copyBytes, pending, setBytes, viewKind } from "./primordials.js";
import { handled, promised } from "./promises.js";
import { acquire, cancelStream, read, readOne } from "./readable.js";
import { recordOf } from "./readable_stream.js";

const { Uint8Array: Bytes, queueMicrotask } = globalThis;

/** A body that was taken, or that somebody has seen as a stream. */
export class Streamed {
  constructor(source, stream, used) {
    /** Null where only the stream has it. @type {null | string | Uint8Array | Pieces} */
    this.source = source;
    /** @type {ReadableStream | null} */
    this.stream = stream;
    this.used = used;
  }

  isUsed() {
    return this.used || (this.stream !== null && recordOf(this.stream).disturbed);
  }

  check() {
    if (this.isUsed()) throw new TypeError("the body was taken already; clone() before that gives a second one");
    if (this.stream !== null && recordOf(this.stream).reader !== null) throw new TypeError("the body's stream is locked");
  }

  open() {
    if (this.stream !== null) return;
    const { source } = this;
    this.stream = source instanceof Pieces ? source.stream() : streamOfBytes(typeof source === "string" ? utf8Encode(source) : source);
    if (!this.used) return;
    const record = recordOf(this.stream);
    cancelStream(record, undefined);
    acquire(record);
  }

  /** @returns {Held | Promise<Held>} */
  take() {
    this.check();
    this.used = true;
    const { source } = this;
    if (source === null) return drained(recordOf(this.stream));
    cancelStream(recordOf(this.stream), undefined);
    return source instanceof Pieces ? source.whole() : held(source);
  }
}

/** What is left of a body that the host has. */
export const SENT = new Streamed("", null, true);

/**
 * @typedef {object} Outgoing
 * @property {() => Promise<Uint8Array | null>} next the next piece; null at the end. Rejects with the stream's error, or
 * TypeError for a piece that is not bytes.
 * @property {(reason: unknown) => Promise<void>} cancel nobody reads any more
 */
export function piecesOf(stream) {
  const reader = acquire(recordOf(stream));
  return {
    async next() {
      const { value, done } = await readOne(reader);
      return done ? null : bytesOfChunk(value);
    },
    cancel: (reason) => promised(() => cancelStream(reader.stream, reason)),
  };
}

function bytesOfChunk(value) {
  if (viewKind(value) !== "Uint8Array") {
    throw new TypeError("a body's stream holds Uint8Array pieces only: encode texts with new TextEncoder().encode(text)");
  }
  return value;
}

/** By callbacks: a promise of `{ value, done }` would ask the app's Object.prototype.then; so would one of the bytes. */
function drained(stream) {
  const { promise, resolve, reject } = pending();
  const reader = acquire(stream);
  const parts = [];
  let size = 0;
  const next = () =>
    read(reader, {
      chunk(value) {
        try {
          const part = copyBytes(bytesOfChunk(value));
          parts[parts.length] = part;
          size += byteLength(part);
        } catch (error) {
          handled(cancelStream(stream, error));
          reject(error);
          return;
        }
        queueMicrotask(next); // a stream that has all at once would fill the stack
      },
      close() {
        const bytes = new Bytes(size);
        for (let at = 0, to = 0; at < parts.length; to += byteLength(parts[at]), at += 1) setBytes(bytes, parts[at], to);
        resolve(held(bytes));
      },
      error: reject,
    });
  next();
  return promise;
}
