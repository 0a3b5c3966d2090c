// SPDX-License-Identifier: Apache-2.0
/** `Response`, and what main.js makes of one. */

import { Body, checkFree, setBody, shareBody, takeOutgoing } from "./body.js";
import { Headers, addType, freezeHeaders, outgoingHeaders } from "./headers.js";
import { shown } from "./iterators.js";
import { defineProperty, exec, jsonStringify, wellFormed } from "./primordials.js";
import { URL } from "./url.js";

const JSON_TYPE = "application/json";
const REASON = /^[\t -~\x80-\xff]*$/;

function isBodiless(status) {
  return status === 204 || status === 205 || status === 304 || status === 101 || status === 103;
}

/** @type {(value: unknown) => boolean} */
export let isResponse;
/**
 * What an answer holds for the host: one of text, bytes and stream. Throws TypeError when its body was taken, or when
 * a header cannot be sent.
 * @type {(response: Response) => { status: number, headers: string, text?: string, bytes?: Uint8Array,
 *   stream?: import("./body.js").Outgoing }}
 */
export let outgoingResponse;

/** An answer. Throws RangeError for a status outside 200 to 599, TypeError for a body where there can be none. */
export class Response extends Body {
  #status = 200;
  #statusText = "";
  #kind = "default";
  /** @type {Headers | null} null until there is more to say than the type */
  #headers = null;
  /** @type {string | null} the media type, where #headers is null */
  #type = null;

  constructor(body = null, init = undefined) {
    super();
    if (init !== undefined && init !== null) this.#begin(init);
    if (body !== null && body !== undefined) {
      if (isBodiless(this.#status)) throw new TypeError(`a response of status ${this.#status} has no body`);
      this.#typed(setBody(this, body));
    }
  }

  static error() {
    const response = new Response();
    response.#kind = "error";
    response.#status = 0;
    freezeHeaders(response.headers);
    return response;
  }

  static json(data = undefined, init = undefined) {
    const text = jsonStringify(data);
    if (text === undefined) throw new TypeError("JSON has nothing for this value");
    const response = new Response();
    if (init !== undefined && init !== null) response.#begin(init);
    if (isBodiless(response.#status)) throw new TypeError(`a response of status ${response.#status} has no body`);
    setBody(response, text);
    response.#typed(JSON_TYPE);
    return response;
  }

  static redirect(url, status = 302) {
    const target = new URL(url).href;
    const code = toShort(status);
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) {
      throw new RangeError("a redirect has one of the statuses 301, 302, 303, 307 and 308");
    }
    const response = new Response();
    response.#status = code;
    response.#headers = new Headers([["location", target]]);
    freezeHeaders(response.#headers);
    return response;
  }

  get type() {
    return this.#kind;
  }

  get url() {
    this.#kind;
    return "";
  }

  get redirected() {
    this.#kind;
    return false;
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status < 300;
  }

  get statusText() {
    return this.#statusText;
  }

  get headers() {
    if (this.#headers === null) {
      this.#headers = new Headers();
      if (this.#type !== null) addType(this.#headers, this.#type);
    }
    return this.#headers;
  }

  clone() {
    checkFree(this);
    const other = new Response();
    other.#kind = this.#kind;
    other.#status = this.#status;
    other.#statusText = this.#statusText;
    other.#type = this.#type;
    if (this.#headers !== null) other.#headers = new Headers(this.#headers);
    shareBody(this, other);
    return other;
  }

  #begin(init) {
    if (typeof init !== "object" && typeof init !== "function") throw new TypeError("a response's second value is an object");
    const { headers, status, statusText } = init;
    if (status !== undefined) {
      const code = toShort(status);
      if (code < 200 || code > 599) throw new RangeError(`a response's status is a number from 200 to 599, not ${code}`);
      this.#status = code;
    }
    if (statusText !== undefined) {
      const text = `${statusText}`;
      if (exec(REASON, text) === null) throw new TypeError("statusText holds a character that HTTP does not have");
      this.#statusText = text;
    }
    if (headers !== undefined) this.#headers = new Headers(headers);
  }

  #typed(type) {
    if (type === null) return;
    if (this.#headers === null) this.#type = type;
    else addType(this.#headers, type);
  }

  static {
    isResponse = (value) => typeof value === "object" && value !== null && #kind in value;
    outgoingResponse = (response) => {
      if (response.#kind === "error") throw new TypeError("the app answered with Response.error()");
      const headers = response.#headers === null ? typeText(response.#type) : outgoingHeaders(response.#headers);
      const content = takeOutgoing(response);
      const out = { status: response.#status, headers, text: undefined, bytes: undefined, stream: undefined };
      if (content === null) out.text = "";
      else if (typeof content === "string") out.text = content;
      else if (typeof content.next === "function") out.stream = content;
      else out.bytes = content;
      return out;
    };
  }
}

function typeText(type) {
  if (type === "text/plain;charset=UTF-8") return '[["content-type","text/plain;charset=UTF-8"]]';
  if (type === JSON_TYPE) return '[["content-type","application/json"]]';
  return type === null ? "[]" : `[["content-type",${jsonStringify(wellFormed(type))}]]`;
}

/** A status as Web IDL reads it: an unsigned short. */
function toShort(value) {
  const number = +value;
  return number >= 0 && number < 65_536 ? number - (number % 1) : ((number % 65_536) | 0) & 65_535;
}

for (const name of ["error", "json", "redirect"]) defineProperty(Response, name, { enumerable: true });
shown(Response.prototype, ["type", "url", "redirected", "status", "ok", "statusText", "headers", "clone"], "Response");
