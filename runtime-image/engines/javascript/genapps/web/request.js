// SPDX-License-Identifier: Apache-2.0
/** `Request`, and how main.js makes the one that an app is called with. */

import { isPlainPath, isPlainQuery } from "genapps:native";

import { isSignal, newSignal } from "./abort.js";
import { Body, checkFree, moveBody, setBody, setIncoming, shareBody } from "./body.js";
import { Headers, addType, headerOf, incomingHeaders } from "./headers.js";
import { Pieces, valueOfPiece } from "./incoming_body.js";
import { shown } from "./iterators.js";
import { exec, find, jsonStringify, slice, upper, wellFormed } from "./primordials.js";
import { parseUrl, plainUrl, serializeUrl } from "./url_parser.js";

const INCOMING = {};
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const USUAL = /^(?:delete|get|head|options|post|put)$/i;
const FORBIDDEN = /^(?:connect|trace|track)$/i;
const HOST = /^(?:[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const PLAIN_PATH = /^\/[/0-9A-Za-z_~!$&'()*+,;=:@.-]*$/;
const NOBODY = "app.invalid";

/**
 * The request of an action. `url` and `headers` are made when the app asks for them.
 * @type {(raw: { method: string, path: string, query: string, headersText?: string, headers?: object,
 *   body?: { text?: string, base64?: string }, bodyChunks?: number, inPieces?: boolean, action: object }) => Request}
 */
export let incomingRequest;

/** A request. Throws TypeError for a URL, method or body that cannot be. */
export class Request extends Body {
  #method = "GET";
  /** @type {string | null} null until somebody asks */
  #url = null;
  /** @type {Headers | null} */
  #headers = null;
  #signal = null;
  /** What the host sent, of a request that came in. */
  #raw = null;

  constructor(input, init = undefined) {
    super();
    if (input === INCOMING) {
      this.#raw = init;
      this.#method = init.method;
      return;
    }
    if (arguments.length < 1) throw new TypeError("Request takes an address or a request");
    const other = typeof input === "object" && input !== null && #raw in input ? input : null;
    if (other === null) this.#url = addressOf(input);
    else {
      this.#url = other.url;
      this.#method = other.#method;
      this.#signal = other.#signal;
    }
    if (init !== undefined && init !== null && typeof init !== "object" && typeof init !== "function") {
      throw new TypeError("a request's second value is an object");
    }
    const { body = null, headers, method, signal } = init ?? {};
    if (method !== undefined) this.#method = methodOf(method);
    if (signal !== undefined) this.#signal = signalOf(signal);
    this.#headers = new Headers(headers !== undefined ? headers : other === null ? undefined : other.headers);
    if (body !== null) {
      if (this.#method === "GET" || this.#method === "HEAD") throw new TypeError(`a ${this.#method} request has no body`);
      const type = setBody(this, body);
      if (type !== null) addType(this.#headers, type);
    } else if (other !== null && hasBody(other)) {
      if (this.#method === "GET" || this.#method === "HEAD") throw new TypeError(`a ${this.#method} request has no body`);
      moveBody(other, this);
    }
  }

  get method() {
    return this.#method;
  }

  get url() {
    return (this.#url ??= incomingUrl(this.#raw, this.#host()));
  }

  get headers() {
    return (this.#headers ??= incomingHeaders(this.#raw.headers ?? this.#raw.headersText));
  }

  get signal() {
    return (this.#signal ??= newSignal());
  }

  clone() {
    checkFree(this);
    const other = this.#raw === null ? new Request(this.url) : new Request(INCOMING, this.#raw);
    other.#method = this.#method;
    other.#signal = this.#signal;
    if (this.#raw === null) other.#headers = new Headers(this.headers);
    shareBody(this, other);
    return other;
  }

  /** The name by which the caller knows the app; headers are not parsed for it. */
  #host() {
    const { headersText } = this.#raw;
    if (this.#headers === null && headersText !== undefined) {
      // Within a value of JSON a quote has a backslash before it, so only a name can be found.
      const at = find(headersText, '"host":"');
      if (at < 0) return NOBODY;
      const from = at + 8;
      return slice(headersText, from, find(headersText, '"', from));
    }
    return headerOf(this.headers, "host") ?? NOBODY;
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
  }
}

const hasBody = (request) => request.body !== null;

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

function signalOf(given) {
  if (given === null) return null;
  if (!isSignal(given)) throw new TypeError("a request's signal is an AbortSignal");
  return given;
}

/** The host of the last request, as it came and as a URL has it: mostly it is that of all requests. */
let lastHost = { text: "", host: "", port: null };

function hostOf(text) {
  if (text !== lastHost.text) {
    const { host, port } = parseUrl(`https://${exec(HOST, text) === null ? NOBODY : text}/`, null) ?? { host: NOBODY, port: null };
    lastHost = { text, host, port };
  }
  return lastHost;
}

function incomingUrl(raw, named) {
  const { path, query } = raw;
  if (isPlainPath(path) && isPlainQuery(query)) {
    const { host, port } = hostOf(named);
    return plainUrl(host, port, path, query === "" ? null : query);
  }
  const host = named;
  const known = exec(HOST, host) === null ? NOBODY : host;
  const plain = exec(PLAIN_PATH, path) === null ? encodedPath(path) : path;
  const text = `https://${known}${plain}${query === "" ? "" : `?${query}`}`;
  // The parser's own form: an app compares it with what `new URL(request.url).href` gives.
  const parts = parseUrl(wellFormed(text), null) ?? parseUrl(wellFormed(`https://${NOBODY}${plain}`), null);
  return serializeUrl(parts);
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

shown(Request.prototype, ["method", "url", "headers", "signal", "clone"], "Request");
