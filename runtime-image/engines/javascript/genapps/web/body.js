// SPDX-License-Identifier: Apache-2.0
/** What Request and Response have in common: a body, which is taken once. */

import { utf8Decode, utf8Encode } from "genapps:native";

import { ending } from "../errors.js";

import { blobBytes, blobOf, isBlob } from "./blob.js";
import { SENT, Streamed, piecesOf } from "./body_stream.js";
import { fieldsOf, formOf, isForm } from "./form_data.js";
import { headerOf } from "./headers.js";
import { Pieces, held } from "./incoming_body.js";
import { shown } from "./iterators.js";
import { newBoundary, parameterOf, readMultipart, writeMultipart } from "./multipart.js";
import { parseForm } from "./percent.js";
import { bufferOf, bytesOf, charCode, copyBytes, exec, jsonParse, lower, slice, wellFormed } from "./primordials.js";
import { isReadable, recordOf, teed } from "./readable_stream.js";
import { isParams, paramsText } from "./url_search_params.js";

const TEXT = "text/plain;charset=UTF-8";
const FORM = "application/x-www-form-urlencoded";

const EMPTY = held("");

/** Give it a body; the answer is the media type that goes with it. @type {(body: Body, given: unknown) => string | null} */
export let setBody;
/** @type {(body: Body, source: string | Uint8Array | Pieces) => void} */
export let setIncoming;
let isIncoming = () => false;
/** Say which bodies callers have sent: what is wrong with one ends the request with 400 unless the app catches it. */
export const setIncomingTest = (test) => {
  isIncoming = test;
};
/** Both have it. Throws TypeError when it was taken. @type {(from: Body, to: Body) => void} */
export let shareBody;
/** The other has it. Throws TypeError when it was taken. @type {(from: Body, to: Body) => void} */
export let moveBody;
/** @type {(body: Body) => boolean} */
export let hasBody;
/** Throws TypeError when it was taken. @type {(body: Body) => void} */
export let checkFree;
/**
 * What the host sends: a text or bytes as they are, or what reads a stream, null when there is none.
 * @type {(body: Body) => null | string | Uint8Array | import("./body_stream.js").Outgoing}
 */
export let takeOutgoing;

/** The base of Request and Response. Its methods reject with TypeError when the body was taken already. */
export class Body {
  /** @type {null | string | Uint8Array | Pieces | Streamed} one field, as most bodies are a text that is taken once */
  #content = null;

  get body() {
    const content = this.#content;
    return content === null ? null : this.#streamed().stream;
  }

  get bodyUsed() {
    const content = this.#content;
    return content instanceof Streamed && content.isUsed();
  }

  async text() {
    const { whole } = await this.#take();
    return decoded(whole);
  }

  async json() {
    const { whole } = await this.#take();
    try {
      return jsonParse(decoded(whole));
    } catch (error) {
      throw isIncoming(this) ? ending(error, "BadRequest") : error;
    }
  }

  async bytes() {
    return own((await this.#take()).whole);
  }

  async arrayBuffer() {
    return bufferOf(own((await this.#take()).whole));
  }

  async blob() {
    const type = headerOf(this.headers, "content-type") ?? "";
    const { whole } = await this.#take();
    return blobOf(typeof whole === "string" ? utf8Encode(whole) : whole, lower(type));
  }

  async formData() {
    const type = headerOf(this.headers, "content-type") ?? "";
    const { whole } = await this.#take();
    try {
      return formOf(fieldsIn(whole, type));
    } catch (error) {
      throw isIncoming(this) ? ending(error, "BadRequest") : error;
    }
  }

  /** The whole body; not to be given to the app as it is. @returns {Held | Promise<Held>} */
  #take() {
    const content = this.#content;
    if (content === null) return EMPTY;
    if (content instanceof Streamed) return content.take();
    this.#content = new Streamed(content, null, true);
    return content instanceof Pieces ? content.whole() : held(content);
  }

  #free() {
    if (this.#content instanceof Streamed) this.#content.check();
  }

  #streamed() {
    if (!(this.#content instanceof Streamed)) this.#content = new Streamed(this.#content, null, false);
    this.#content.open();
    return this.#content;
  }

  static {
    setBody = (body, given) => {
      if (typeof given === "string") {
        body.#content = wellFormed(given);
        return TEXT;
      }
      if (isReadable(given)) {
        const { disturbed, reader } = recordOf(given);
        if (disturbed || reader !== null) throw new TypeError("the stream was read already, or is locked");
        body.#content = new Streamed(null, given, false);
        return null;
      }
      const bytes = bytesOf(given);
      if (bytes !== null) {
        body.#content = copyBytes(bytes);
        return null;
      }
      return setObject(body, given);
    };
    const setObject = (body, given) => {
      if (isBlob(given)) {
        body.#content = blobBytes(given);
        return given.type === "" ? null : given.type;
      }
      if (isForm(given)) {
        const boundary = newBoundary();
        body.#content = writeMultipart(fieldsOf(given), boundary);
        return `multipart/form-data; boundary=${boundary}`;
      }
      if (isParams(given)) {
        body.#content = paramsText(given);
        return `${FORM};charset=UTF-8`;
      }
      body.#content = wellFormed(`${given}`);
      return TEXT;
    };
    setIncoming = (body, source) => {
      body.#content = source;
    };
    shareBody = (from, to) => {
      from.#free();
      const content = from.#content;
      const source = content instanceof Streamed ? content.source : content;
      if (content === null || (source !== null && !(source instanceof Pieces && source.once))) {
        to.#content = source;
        return;
      }
      const both = teed(recordOf(from.#streamed().stream), true);
      from.#content = new Streamed(null, both[0], false);
      to.#content = new Streamed(null, both[1], false);
    };
    moveBody = (from, to) => {
      from.#free();
      const content = from.#content;
      if (content === null) return;
      const source = content instanceof Streamed ? content.source : content;
      to.#content = source === null ? new Streamed(null, teed(recordOf(content.stream), false)[0], false) : source;
      from.#content = new Streamed(source, content instanceof Streamed ? content.stream : null, true);
    };
    hasBody = (body) => body.#content !== null;
    checkFree = (body) => body.#free();
    takeOutgoing = (body) => {
      const content = body.#content;
      if (content === null) return null;
      body.#content = SENT;
      if (!(content instanceof Streamed)) return content instanceof Pieces ? piecesOf(content.stream()) : content;
      content.check();
      const { source } = content;
      if (source === null) return piecesOf(content.stream);
      return source instanceof Pieces ? piecesOf(source.stream()) : source;
    };
  }
}

const own = (content) => (typeof content === "string" ? utf8Encode(content) : copyBytes(content));

function fieldsIn(content, type) {
  const essence = lower(exec(/^[\t\n\r ]*([^;\s]*)/, type)[1]);
  if (essence === FORM) return parseForm(typeof content === "string" ? content : utf8Decode(content, false, false));
  const boundary = essence === "multipart/form-data" ? parameterOf(type, "boundary") : null;
  if (boundary === null || boundary === "") throw new TypeError("the body is no form: its content-type says otherwise");
  return readMultipart(typeof content === "string" ? utf8Encode(content) : content, boundary);
}

/** What the Encoding Standard calls UTF-8 decode: a mark of the byte order is no part of the text. */
function decoded(content) {
  if (typeof content !== "string") return utf8Decode(content, false, false);
  return charCode(content, 0) === 0xfeff ? slice(content, 1) : content;
}

shown(Body.prototype, ["body", "bodyUsed", "text", "json", "bytes", "arrayBuffer", "blob", "formData"], "Body");
