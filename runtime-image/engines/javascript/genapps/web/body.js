// SPDX-License-Identifier: Apache-2.0
/** What Request and Response have in common: a body, which is taken once. */

import { utf8Decode, utf8Encode } from "genapps:native";

import { blobBytes, blobOf, isBlob, streamOfBytes } from "./blob.js";
import { fieldsOf, formOf, isForm } from "./form_data.js";
import { headerOf } from "./headers.js";
import { Pieces } from "./incoming_body.js";
import { shown } from "./iterators.js";
import { newBoundary, parameterOf, readMultipart, writeMultipart } from "./multipart.js";
import { parseForm } from "./percent.js";
import {
  bufferOf, byteLength, bytesOf, copyBytes, exec, jsonParse, lower, setBytes, viewKind, wellFormed,
} from "./primordials.js";
import { promised } from "./promises.js";
import { acquire, cancelStream, readOne } from "./readable.js";
import { isReadable, recordOf } from "./readable_stream.js";
import { tee } from "./stream_tee.js";
import { isParams, paramsText } from "./url_search_params.js";

const { Uint8Array: Bytes } = globalThis;
const TEXT = "text/plain;charset=UTF-8";
const FORM = "application/x-www-form-urlencoded";

/** Give it a body; the answer is the media type that goes with it. @type {(body: Body, given: unknown) => string | null} */
export let setBody;
/** @type {(body: Body, source: string | Uint8Array | Pieces) => void} */
export let setIncoming;
/** Both have it. Throws TypeError when it was taken. @type {(from: Body, to: Body) => void} */
export let shareBody;
/** The other has it. Throws TypeError when it was taken. @type {(from: Body, to: Body) => void} */
export let moveBody;
/** Throws TypeError when it was taken. @type {(body: Body) => void} */
export let checkFree;
/**
 * What the host sends: a text or bytes as they are, or what reads a stream, null when there is none.
 * @type {(body: Body) => null | string | Uint8Array | Outgoing}
 */
export let takeOutgoing;

/** The base of Request and Response. Its methods reject with TypeError when the body was taken already. */
export class Body {
  /** @type {null | string | Uint8Array | Pieces} null also where only the stream has it */
  #source = null;
  /** @type {ReadableStream | null} */
  #stream = null;
  #used = false;

  get body() {
    if (this.#stream === null && this.#source !== null) {
      const source = this.#source;
      this.#stream =
        source instanceof Pieces ? source.stream() : streamOfBytes(typeof source === "string" ? utf8Encode(source) : source);
      if (this.#used) {
        const record = recordOf(this.#stream);
        cancelStream(record, undefined);
        acquire(record);
      }
    }
    return this.#stream;
  }

  get bodyUsed() {
    return this.#used || (this.#stream !== null && recordOf(this.#stream).disturbed);
  }

  async text() {
    const content = await this.#take();
    return typeof content === "string" ? content : utf8Decode(content, false, false);
  }

  async json() {
    const content = await this.#take();
    return jsonParse(typeof content === "string" ? content : utf8Decode(content, false, false));
  }

  async bytes() {
    return this.#own(await this.#take());
  }

  async arrayBuffer() {
    return bufferOf(this.#own(await this.#take()));
  }

  async blob() {
    const type = headerOf(this.headers, "content-type") ?? "";
    const content = await this.#take();
    return blobOf(typeof content === "string" ? utf8Encode(content) : content, lower(type));
  }

  async formData() {
    const type = headerOf(this.headers, "content-type") ?? "";
    const content = await this.#take();
    const essence = lower(exec(/^[\t\n\r ]*([^;\s]*)/, type)[1]);
    if (essence === FORM) {
      return formOf(parseForm(typeof content === "string" ? content : utf8Decode(content, false, false)));
    }
    const boundary = essence === "multipart/form-data" ? parameterOf(type, "boundary") : null;
    if (boundary === null || boundary === "") throw new TypeError("the body is no form: its content-type says otherwise");
    return formOf(readMultipart(typeof content === "string" ? utf8Encode(content) : content, boundary));
  }

  /** The whole body; not to be given to the app as it is. */
  #take() {
    this.#free();
    const source = this.#source;
    const stream = this.#stream;
    if (stream === null || source !== null) {
      this.#used = true;
      if (stream !== null) cancelStream(recordOf(stream), undefined);
      if (source === null) {
        this.#used = false;
        return "";
      }
      return source instanceof Pieces ? source.whole() : source;
    }
    return drained(recordOf(stream));
  }

  #free() {
    if (this.bodyUsed) throw new TypeError("the body was taken already; clone() before that gives a second one");
    if (this.#stream !== null && recordOf(this.#stream).reader !== null) throw new TypeError("the body's stream is locked");
  }

  #own(content) {
    return typeof content === "string" ? utf8Encode(content) : copyBytes(content);
  }

  static {
    setBody = (body, given) => {
      if (typeof given === "string") {
        body.#source = wellFormed(given);
        return TEXT;
      }
      if (isReadable(given)) {
        const { disturbed, reader } = recordOf(given);
        if (disturbed || reader !== null) throw new TypeError("the stream was read already, or is locked");
        body.#stream = given;
        return null;
      }
      const bytes = bytesOf(given);
      if (bytes !== null) {
        body.#source = copyBytes(bytes);
        return null;
      }
      return setObject(body, given);
    };
    const setObject = (body, given) => {
      if (isBlob(given)) {
        body.#source = blobBytes(given);
        return given.type === "" ? null : given.type;
      }
      if (isForm(given)) {
        const boundary = newBoundary();
        body.#source = writeMultipart(fieldsOf(given), boundary);
        return `multipart/form-data; boundary=${boundary}`;
      }
      if (isParams(given)) {
        body.#source = paramsText(given);
        return `${FORM};charset=UTF-8`;
      }
      body.#source = wellFormed(`${given}`);
      return TEXT;
    };
    setIncoming = (body, source) => {
      body.#source = source;
    };
    shareBody = (from, to) => {
      from.#free();
      const source = from.#source;
      if (source !== null && !(source instanceof Pieces && source.once)) {
        to.#source = source;
        return;
      }
      if (from.body === null) return;
      const [one, other] = tee(recordOf(from.#stream), true);
      from.#source = null;
      from.#stream = one;
      to.#stream = other;
    };
    moveBody = (from, to) => {
      from.#free();
      if (from.#source === null && from.#stream === null) return;
      if (from.#source !== null) to.#source = from.#source;
      else {
        const [one] = tee(recordOf(from.#stream), false);
        to.#stream = one;
      }
      from.#used = true;
    };
    checkFree = (body) => body.#free();
    takeOutgoing = (body) => {
      body.#free();
      const stream = body.#stream;
      body.#used = true;
      if (body.#source === null && stream !== null) return piecesOf(acquire(recordOf(stream)));
      return body.#source instanceof Pieces ? piecesOf(acquire(recordOf(body.#source.stream()))) : body.#source;
    };
  }
}

/**
 * @typedef {object} Outgoing
 * @property {() => Promise<Uint8Array | null>} next the next piece; null at the end. Rejects with the stream's error, or
 * TypeError for a piece that is not bytes.
 * @property {(reason: unknown) => Promise<void>} cancel nobody reads any more
 */
function piecesOf(reader) {
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

async function drained(stream) {
  const reader = acquire(stream);
  const parts = [];
  let size = 0;
  for (;;) {
    const { value, done } = await readOne(reader);
    if (done) break;
    const part = copyBytes(bytesOfChunk(value));
    parts[parts.length] = part;
    size += byteLength(part);
  }
  const bytes = new Bytes(size);
  for (let at = 0, to = 0; at < parts.length; to += byteLength(parts[at]), at += 1) setBytes(bytes, parts[at], to);
  return bytes;
}

shown(Body.prototype, ["body", "bodyUsed", "text", "json", "bytes", "arrayBuffer", "blob", "formData"], "Body");
