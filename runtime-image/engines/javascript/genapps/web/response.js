// SPDX-License-Identifier: Apache-2.0
/** `Response`, and what main.js makes of one. */

import { Body, checkFree, setBody, shareBody, takeOutgoing } from "./body.js";
import { Headers, addType, freezeHeaders, outgoingHeaders } from "./headers.js";
import { shown } from "./iterators.js";
import { defineProperty, exec, isView, jsonStringify, wellFormed } from "./primordials.js";
import { URL } from "./url.js";

const JSON_TYPE = "application/json";
const USUAL = { kind: "default", statusText: "" };
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
  /** The media type alone, as long as there is no more to say. @type {Headers | string | null} */
  #headers = null;
  /** @type {{ kind: string, statusText: string }} */
  #rest = USUAL;

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
    response.#rest = { kind: "error", statusText: "" };
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
    return this.#rest.kind;
  }

  get url() {
    this.#rest;
    return "";
  }

  get redirected() {
    this.#rest;
    return false;
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status < 300;
  }

  get statusText() {
    return this.#rest.statusText;
  }

  get headers() {
    const known = this.#headers;
    if (known !== null && typeof known === "object") return known;
    const headers = (this.#headers = new Headers());
    if (known !== null) addType(headers, known);
    return headers;
  }

  clone() {
    checkFree(this);
    const other = new Response();
    other.#rest = this.#rest;
    other.#status = this.#status;
    other.#headers = typeof this.#headers === "string" ? this.#headers : new Headers(this.headers);
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
      this.#rest = { kind: "default", statusText: text };
    }
    if (headers !== undefined) this.#headers = new Headers(headers);
  }

  #typed(type) {
    if (type === null) return;
    if (this.#headers === null) this.#headers = type;
    else addType(this.#headers, type);
  }

  static {
    isResponse = (value) => typeof value === "object" && value !== null && #rest in value;
    outgoingResponse = (response) => {
      if (response.#rest.kind === "error") throw new TypeError("the app answered with Response.error()");
      const known = response.#headers;
      const headers = known !== null && typeof known === "object" ? outgoingHeaders(known) : typeText(known);
      const content = takeOutgoing(response);
      const out = { status: response.#status, headers, text: undefined, bytes: undefined, stream: undefined };
      if (typeof content === "string") out.text = content;
      else if (content === null) out.text = "";
      else if (isView(content)) out.bytes = content;
      else out.stream = content;
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
