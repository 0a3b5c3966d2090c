// SPDX-License-Identifier: Apache-2.0
/** A request's body that the host sends in pieces: they are asked for one after the other. */

import { base64Decode, utf8Encode } from "genapps:native";

import { endBytes, enqueueBytes } from "./byte_controller.js";
import { byteLength, resolved, setBytes, then } from "./primordials.js";
import { makeByteStream } from "./readable_stream.js";

const { Uint8Array: Bytes } = globalThis;

/** The whole of a body was asked for that is too long for it. */
export class BodyTooLongError extends Error {
  constructor() {
    super("the body is too long to be taken as a whole; the app takes longer ones piece by piece, from request.body");
    this.name = "BodyTooLongError";
  }
}

/**
 * A piece as text or bytes.
 * @param {{ text?: string, base64?: string }} piece
 * @returns {string | Uint8Array}
 */
export function valueOfPiece(piece) {
  return piece.text !== undefined ? piece.text : base64Decode(piece.base64);
}

function bytesOfPiece(piece) {
  return piece.text !== undefined ? utf8Encode(piece.text) : base64Decode(piece.base64);
}

/**
 * A whole body as what a promise can be of: one of bytes would ask the app's Object.prototype.then.
 * @typedef {{ whole: string | Uint8Array }} Held
 * @returns {Held}
 */
export const held = (whole) => ({ __proto__: null, whole });

/** Pieces of a known number (`chunks`), or of a number that nobody knows yet (0): then they come only once. */
export class Pieces {
  #action;
  #chunks;
  #first;
  #whole = null;

  constructor(action, chunks, first) {
    this.#action = action;
    this.#chunks = chunks;
    this.#first = first;
  }

  /** Whether they can be read only once. */
  get once() {
    return this.#chunks === 0;
  }

  /** All of them as bytes. Throws BodyTooLongError. @returns {Promise<Held>} */
  async whole() {
    if (this.#chunks === 0) throw new BodyTooLongError();
    return (this.#whole ??= this.#read());
  }

  async #read() {
    const parts = [];
    let size = 0;
    for (let at = 0; at < this.#chunks; at += 1) {
      const part = bytesOfPiece(await this.#ask(at));
      parts[at] = part;
      size += byteLength(part);
    }
    const bytes = new Bytes(size);
    for (let at = 0, to = 0; at < parts.length; to += byteLength(parts[at]), at += 1) setBytes(bytes, parts[at], to);
    return held(bytes);
  }

  #ask(at) {
    return at === 0 && this.#first !== undefined ? resolved(this.#first) : this.#action.call("body", { chunk: at });
  }

  /** A stream of their bytes, asked for as the app reads. */
  stream() {
    let next = 0;
    const pull = (controller) => {
      if (this.#chunks > 0 && next === this.#chunks) {
        endBytes(controller);
        return resolved(undefined);
      }
      return then(this.#ask(next), (piece) => {
        next += 1;
        if (piece === null) endBytes(controller);
        else enqueueBytes(controller, bytesOfPiece(piece));
      });
    };
    return makeByteStream(pull);
  }
}
