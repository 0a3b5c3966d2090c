// SPDX-License-Identifier: Apache-2.0
/** `URL`. */

import { shown } from "./iterators.js";
import { FRAGMENT, QUERY, SPECIAL_QUERY, USERINFO, percentEncode } from "./percent.js";
import { exec, jsonStringify, lower, slice, startsWith, wellFormed } from "./primordials.js";
import { parseHost } from "./url_host.js";
import { fileHost, isSpecial, parseUrl, portOf, replacePath, splitPort, withoutBreaks } from "./url_parser.js";
import { paramsOf, refillParams } from "./url_search_params.js";
import { pathText, serializeUrl } from "./url_text.js";

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*)(?::|$)/;
const PORT = /^[0-9]+/;

function text(value) {
  return wellFormed(`${value}`);
}

function parsed(url, base) {
  const under = base === undefined ? null : parseUrl(text(base), null);
  return base !== undefined && under === null ? null : parseUrl(text(url), under);
}

/** A URL of the URL standard. Throws TypeError for a text that is none. */
export class URL {
  /** @type {import("./url_parser.js").Parts} */
  #parts;

  constructor(url, base = undefined) {
    if (arguments.length < 1) throw new TypeError("URL takes an address");
    this.#parts = parsed(url, base);
    if (this.#parts === null) throw new TypeError(`Invalid URL: ${jsonStringify(slice(text(url), 0, 200))}`);
  }

  static canParse(url, base = undefined) {
    if (arguments.length < 1) throw new TypeError("canParse takes an address");
    return parsed(url, base) !== null;
  }

  static parse(url, base = undefined) {
    if (arguments.length < 1) throw new TypeError("parse takes an address");
    const parts = parsed(url, base);
    if (parts === null) return null;
    const made = new URL("about:blank");
    made.#parts = parts;
    return made;
  }

  get href() {
    return (this.#parts.href ??= serializeUrl(this.#parts));
  }

  set href(value) {
    const parts = parseUrl(text(value), null);
    if (parts === null) throw new TypeError(`Invalid URL: ${jsonStringify(slice(text(value), 0, 200))}`);
    parts.params = this.#parts.params;
    this.#parts = parts;
    this.#refill();
  }

  get origin() {
    const { scheme, host, port } = this.#parts;
    if (scheme === "blob") {
      const inner = parseUrl(pathText(this.#parts), null);
      return inner !== null && (inner.scheme === "http" || inner.scheme === "https") ? originOf(inner) : "null";
    }
    return isSpecial(scheme) && scheme !== "file" ? originOf({ scheme, host, port }) : "null";
  }

  get protocol() {
    return `${this.#parts.scheme}:`;
  }

  set protocol(value) {
    const found = exec(SCHEME, withoutBreaks(text(value)));
    const url = this.#parts;
    if (found === null) return;
    const scheme = lower(found[1]);
    if (isSpecial(scheme) !== isSpecial(url.scheme)) return;
    if (scheme === "file" && (url.username !== "" || url.password !== "" || url.port !== null)) return;
    if (url.scheme === "file" && url.host === "") return;
    url.scheme = scheme;
    if (url.port !== null) url.port = portOf(scheme, url.port);
    this.#changed();
  }

  get username() {
    return this.#parts.username;
  }

  set username(value) {
    if (this.#hasNoUser()) return;
    this.#parts.username = percentEncode(text(value), USERINFO);
    this.#changed();
  }

  get password() {
    return this.#parts.password;
  }

  set password(value) {
    if (this.#hasNoUser()) return;
    this.#parts.password = percentEncode(text(value), USERINFO);
    this.#changed();
  }

  get host() {
    const { host, port } = this.#parts;
    return host === null ? "" : port === null ? host : `${host}:${port}`;
  }

  set host(value) {
    this.#setHost(text(value), true);
  }

  get hostname() {
    return this.#parts.host ?? "";
  }

  set hostname(value) {
    this.#setHost(text(value), false);
  }

  get port() {
    const { port } = this.#parts;
    return port === null ? "" : `${port}`;
  }

  set port(value) {
    const given = text(value);
    if (this.#hasNoUser()) return;
    if (given === "") this.#parts.port = null;
    else this.#setPort(withoutBreaks(given));
    this.#changed();
  }

  get pathname() {
    return pathText(this.#parts);
  }

  set pathname(value) {
    const given = text(value);
    if (typeof this.#parts.path === "string") return;
    replacePath(this.#parts, withoutBreaks(given));
    this.#changed();
  }

  get search() {
    const { query } = this.#parts;
    return query === null || query === "" ? "" : `?${query}`;
  }

  set search(value) {
    const given = text(value);
    const url = this.#parts;
    const query = withoutBreaks(startsWith(given, "?") ? slice(given, 1) : given);
    url.query = given === "" ? null : percentEncode(query, isSpecial(url.scheme) ? SPECIAL_QUERY : QUERY);
    this.#changed();
    this.#refill();
  }

  get searchParams() {
    return (this.#parts.params ??= paramsOf(this.#parts.query ?? "", (query) => {
      this.#parts.query = query === "" ? null : query;
      this.#changed();
    }));
  }

  get hash() {
    const { fragment } = this.#parts;
    return fragment === null || fragment === "" ? "" : `#${fragment}`;
  }

  set hash(value) {
    const given = text(value);
    const fragment = withoutBreaks(startsWith(given, "#") ? slice(given, 1) : given);
    this.#parts.fragment = given === "" ? null : percentEncode(fragment, FRAGMENT);
    this.#changed();
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  #changed() {
    this.#parts.href = undefined;
  }

  #refill() {
    const { params, query } = this.#parts;
    if (params !== undefined) refillParams(params, query ?? "");
  }

  #hasNoUser() {
    const { host, scheme } = this.#parts;
    return host === null || host === "" || scheme === "file";
  }

  #setHost(value, withPort) {
    const url = this.#parts;
    if (typeof url.path === "string") return;
    const special = isSpecial(url.scheme);
    const whole = withoutBreaks(value);
    const end = exec(special ? /[/\\?#]/ : /[/?#]/, whole);
    const before = end === null ? whole : slice(whole, 0, end.index);
    if (url.scheme === "file") {
      const host = before === "" ? "" : fileHost(before);
      if (host !== null) url.host = host;
      this.#changed();
      return;
    }
    const { host: name, port } = splitPort(before);
    if (port !== null && (name === "" || !withPort)) return;
    if (name === "" && (special || url.username !== "" || url.password !== "" || url.port !== null)) return;
    const host = parseHost(name, special);
    if (host === null) return;
    url.host = host;
    if (port !== null) this.#setPort(port);
    this.#changed();
  }

  #setPort(given) {
    const found = exec(PORT, given);
    if (found !== null && +found[0] <= 65535) this.#parts.port = portOf(this.#parts.scheme, +found[0]);
  }
}

function originOf({ scheme, host, port }) {
  return `${scheme}://${host}${port === null ? "" : `:${port}`}`;
}
shown(URL.prototype, [
  "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search",
  "searchParams", "hash", "toString", "toJSON",
], "URL");
