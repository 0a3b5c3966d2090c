// SPDX-License-Identifier: Apache-2.0
/** `Request`, and how main.js makes the one that an app is called with. */

import { isPlainPath, isPlainQuery } from "genapps:native";

import { AbortController, followerOf, isSignal, newSignal } from "./abort.js";
import { Body, checkFree, hasBody, moveBody, setBody, setIncoming, setIncomingTest, shareBody } from "./body.js";
import { FETCH_OPTIONS, USUAL_OPTIONS, fetchOptions } from "./fetch_options.js";
import { Headers, addType, headerOf, incomingHeaders } from "./headers.js";
import { Pieces, valueOfPiece } from "./incoming_body.js";
import { shown } from "./iterators.js";
import { defineProperty, exec, find, getOwnPropertyDescriptor, jsonStringify, slice, upper, wellFormed } from "./primordials.js";
import { parseUrl, plainUrl } from "./url_parser.js";
import { serializeUrl } from "./url_text.js";

const INCOMING = {};
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const USUAL = /^(?:delete|get|head|options|post|put)$/i;
const FORBIDDEN = /^(?:connect|trace|track)$/i;
const HOST = /^(?:[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const NOBODY = "app.invalid";

/**
 * The request of an action. `url` and `headers` are made when the app asks for them.
 * @type {(raw: { method: string, path: string, query: string, headersText?: string, headers?: object,
 *   body?: { text?: string, base64?: string }, bodyChunks?: number, inPieces?: boolean, action: object }) => Request}
 */
export let incomingRequest;

/** What a browser decides by. @type {(request: Request) => object} throws TypeError for anything else */
let optionsOf;

/** A request. Throws TypeError for a URL, method or body that cannot be. */
export class Request extends Body {
  /**
   * What the host sent, or what the app said. `fields` and `address` are made when somebody asks for them.
   * @type {{ method: string, fields?: Headers, address?: string, signal?: AbortSignal, more?: object, action?: object }}
   */
  #own;

  constructor(input, init = undefined) {
    super();
    if (input === INCOMING) {
      this.#own = init;
      return;
    }
    if (arguments.length < 1) throw new TypeError("Request takes an address or a request");
    const other = typeof input === "object" && input !== null && #own in input ? input : null;
    const own = other === null
      ? { method: "GET", fields: undefined, address: addressOf(input), signal: undefined, more: undefined }
      : { method: other.#own.method, fields: undefined, address: other.#address(), signal: other.#own.signal, more: other.#own.more };
    this.#own = own;
    if (init !== undefined && init !== null && typeof init !== "object" && typeof init !== "function") {
      throw new TypeError("a request's second value is an object");
    }
    const { body = null, headers, method, signal } = init ?? {};
    if (init !== undefined && init !== null) own.more = fetchOptions(init, own.more);
    if (method !== undefined) own.method = methodOf(method);
    if (signal !== undefined) own.signal = signalOf(signal);
    if (own.signal !== undefined && own.signal !== null) own.signal = followerOf(own.signal);
    own.fields = new Headers(headers !== undefined ? headers : other === null ? undefined : other.#headers());
    if (body === null && (other === null || !hasBody(other))) return;
    if (own.method === "GET" || own.method === "HEAD") throw new TypeError(`a ${own.method} request has no body`);
    if (body === null) moveBody(other, this);
    else {
      const type = setBody(this, body);
      if (type !== null) addType(own.fields, type);
    }
  }

  get method() {
    return this.#own.method;
  }

  get url() {
    return this.#address();
  }

  get headers() {
    return this.#headers();
  }

  get signal() {
    return (this.#own.signal ??= signalFor(this.#own.action));
  }

  clone() {
    checkFree(this);
    const own = { ...this.#own };
    if (own.action === undefined) own.fields = new Headers(own.fields);
    if (own.signal !== undefined && own.signal !== null) own.signal = followerOf(own.signal);
    const other = new Request(INCOMING, own);
    shareBody(this, other);
    return other;
  }

  #address() {
    return (this.#own.address ??= incomingUrl(this.#own, this.#host()));
  }

  #headers() {
    return (this.#own.fields ??= incomingHeaders(this.#own.headers ?? this.#own.headersText));
  }

  /** The name by which the caller knows the app; headers are not parsed for it. */
  #host() {
    const { fields, headersText } = this.#own;
    if (fields === undefined && headersText !== undefined) {
      // Within a value of JSON a quote has a backslash before it, so only a name can be found.
      const at = find(headersText, '"host":"');
      if (at < 0) return NOBODY;
      const from = at + 8;
      return slice(headersText, from, find(headersText, '"', from));
    }
    return headerOf(this.#headers(), "host") ?? NOBODY;
  }

  static {
    incomingRequest = (raw) => {
      const request = new Request(INCOMING, raw);
      if (raw.inPieces) setIncoming(request, new Pieces(raw.action, 0, undefined));
      else if (raw.body !== undefined) {
        setIncoming(request, raw.bodyChunks > 1 ? new Pieces(raw.action, raw.bodyChunks, raw.body) : valueOfPiece(raw.body));
      }
      return request;
    };
    optionsOf = (request) => request.#own.more ?? USUAL_OPTIONS;
    setIncomingTest((body) => #own in body && body.#own.action !== undefined);
  }
}

function addressOf(input) {
  const parts = parseUrl(wellFormed(`${input}`), null);
  if (parts === null) throw new TypeError(`Invalid URL: ${jsonStringify(slice(`${input}`, 0, 200))}`);
  if (parts.username !== "" || parts.password !== "") throw new TypeError("a request's URL holds no user and password");
  return serializeUrl(parts);
}

function methodOf(given) {
  const method = `${given}`;
  if (exec(TOKEN, method) === null || exec(FORBIDDEN, method) !== null) {
    throw new TypeError(`not a method for requests: ${jsonStringify(slice(method, 0, 40))}`);
  }
  return exec(USUAL, method) === null ? method : upper(method);
}

/** Of a request that was sent: it aborts when nobody waits for the answer any more. */
function signalFor(action) {
  if (action === undefined) return newSignal();
  const controller = new AbortController();
  action.whenLeft(() => controller.abort());
  return controller.signal;
}

function signalOf(given) {
  if (given === null) return null;
  if (!isSignal(given)) throw new TypeError("a request's signal is an AbortSignal");
  return given;
}

/** The host of the last request, as it came and as a URL has it: mostly it is that of all requests. */
let lastHost = { text: NOBODY, host: NOBODY, port: null };

function hostOf(text) {
  if (text !== lastHost.text) {
    const parts = exec(HOST, text) === null ? null : parseUrl(`https://${text}/`, null);
    lastHost = { text, host: parts?.host ?? NOBODY, port: parts?.port ?? null };
  }
  return lastHost;
}

/** In the form that the parser gives: an app compares it with what `new URL(request.url).href` gives. */
function incomingUrl({ path, query }, named) {
  const { host, port } = hostOf(named);
  if (isPlainPath(path) && isPlainQuery(query)) return plainUrl(host, port, path, query === "" ? null : query);
  const origin = `https://${host}${port === null ? "" : `:${port}`}`;
  return serializeUrl(parseUrl(wellFormed(`${origin}${encodedPath(path)}${query === "" ? "" : `?${query}`}`), null));
}

/** The host gives the path decoded: what ends a path in a URL is encoded again, and so is the percent sign. */
function encodedPath(path) {
  let text = path[0] === "/" ? "" : "/";
  for (let at = 0; at < path.length; at += 1) {
    const character = path[at];
    text += character === "?" ? "%3F" : character === "#" ? "%23" : character === "%" ? "%25"
      : character === "\\" ? "%5C" : character === "\t" ? "%09" : character === "\n" ? "%0A" : character === "\r" ? "%0D"
      : character;
  }
  return text;
}

for (let at = 0; at < FETCH_OPTIONS.length; at += 1) {
  const name = FETCH_OPTIONS[at];
  const { get } = getOwnPropertyDescriptor({ get [name]() { return optionsOf(this)[name]; } }, name);
  defineProperty(Request.prototype, name, { get, enumerable: true, configurable: true });
}
shown(Request.prototype, ["method", "url", "headers", "signal", "clone"], "Request");
