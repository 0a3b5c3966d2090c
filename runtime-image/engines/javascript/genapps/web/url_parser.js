// SPDX-License-Identifier: Apache-2.0
/**
 * The URL parser of the URL standard (url.spec.whatwg.org), by parts instead of by states.
 *
 * @typedef {object} Parts
 * @property {string} scheme without the colon
 * @property {string} username
 * @property {string} password
 * @property {string | null} host as it is written
 * @property {number | null} port null for the scheme's own
 * @property {string[] | string} path segments, or a text where it is opaque
 * @property {string | null} query
 * @property {string | null} fragment
 * @property {string} [href] where somebody asked for it
 * @property {URLSearchParams} [params] where somebody asked for them
 */

import { CONTROL, FRAGMENT, PATH, QUERY, SPECIAL_QUERY, USERINFO, percentEncode } from "./percent.js";
import { defineProperty, exec, find, findLast, lower, slice, sliceList, startsWith } from "./primordials.js";
import { parseHost } from "./url_host.js";

const PORTS = { __proto__: null, http: 80, https: 443, ws: 80, wss: 443, ftp: 21, file: null };
/** What nearly all URLs look like: nothing in it is encoded, and only dots in the path need a second look. */
const COMMON = /^(https?):\/\/([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)*)(\/[!$&-;=@-[\]_a-z|~]*)(?:\?([!$-&(-;=?-~]*))?$/;
const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):/;
const DRIVE = /^[a-zA-Z][:|]$/;
const DRIVE_FIRST = /^[a-zA-Z][:|](?:\/|$)/;
const BREAK = /[\t\n\r]/;
const ONE_DOT = /^(?:\.|%2[eE])$/;
const TWO_DOTS = /^(?:\.|%2[eE]){2}$/;

/** @param {string} scheme @returns {boolean} */
export function isSpecial(scheme) {
  return PORTS[scheme] !== undefined;
}

/**
 * @param {string} input well-formed
 * @param {Parts | null} base
 * @returns {Parts | null} null for what is no URL
 */
export function parseUrl(input, base) {
  if (base === null && input === lastPlain.text) {
    const url = new Parts("https", lastPlain.host, lastPlain.path, lastPlain.query);
    if (lastPlain.port !== null) url.port = lastPlain.port;
    return url;
  }
  const common = exec(COMMON, input);
  if (common !== null && find(common[3], "/.") < 0 && find(common[2], "xn--") < 0) {
    return new Parts(common[1], common[2], common[3], common[4] ?? null);
  }
  return parseAny(trimmed(withoutBreaks(input)), base);
}

/** The last one of `plainUrl`: an app asks for `new URL(request.url)` soon after. */
let lastPlain = { text: null, host: "", port: null, path: "/", query: null };

/** The text of a URL with https whose parts need no parser: a host as it is in a URL, a plain path and query. */
export function plainUrl(host, port, path, query) {
  const text = `https://${host}${port === null ? "" : `:${port}`}${path}${query === null ? "" : `?${query}`}`;
  lastPlain = { text, host, port, path, query };
  return text;
}

function segmentsOf(text) {
  const path = [];
  for (let from = 1; ; ) {
    const to = find(text, "/", from);
    path[path.length] = to < 0 ? slice(text, from) : slice(text, from, to);
    if (to < 0) return path;
    from = to + 1;
  }
}

/** What most URLs do not have stays in the prototype: an object of few members is made in a third of the time. */
class Parts {
  constructor(scheme, host, plain, query) {
    this.scheme = scheme;
    this.host = host;
    /** The path as a text, until somebody asks for its segments. */
    this.plain = plain;
    this.query = query;
  }

  get path() {
    this.path = segmentsOf(this.plain);
    return this.path;
  }

  set path(value) {
    this.plain = null;
    defineProperty(this, "path", { value, writable: true, enumerable: true, configurable: true });
  }
}
const defaults = { username: "", password: "", port: null, fragment: null, href: undefined, params: undefined };
for (const name in defaults) defineProperty(Parts.prototype, name, { value: defaults[name], writable: true });

function blank(scheme) {
  const url = new Parts(scheme, null, null, null);
  url.path = [];
  return url;
}

function trimmed(text) {
  let from = 0;
  let to = text.length;
  while (from < to && text[from] <= " ") from += 1;
  while (to > from && text[to - 1] <= " ") to -= 1;
  return from === 0 && to === text.length ? text : slice(text, from, to);
}

/** Tabs and line breaks do not count anywhere in a URL. */
export function withoutBreaks(text) {
  if (exec(BREAK, text) === null) return text;
  let rest = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character !== "\t" && character !== "\n" && character !== "\r") rest += character;
  }
  return rest;
}

function parseAny(text, base) {
  const hash = find(text, "#");
  const fragment = hash < 0 ? null : percentEncode(slice(text, hash + 1), FRAGMENT);
  const whole = hash < 0 ? text : slice(text, 0, hash);
  const mark = find(whole, "?");
  const asked = mark < 0 ? null : slice(whole, mark + 1);
  const head = mark < 0 ? whole : slice(whole, 0, mark);
  const found = exec(SCHEME, head);
  if (found === null) {
    if (base === null) return null;
    if (typeof base.path === "string") {
      return head === "" && asked === null && fragment !== null ? withFragment(base, fragment) : null;
    }
  }
  const scheme = found === null ? base.scheme : lower(found[1]);
  const special = isSpecial(scheme);
  let rest = found === null ? head : slice(head, found[0].length);
  if (special) rest = slashes(rest);
  const url = blank(scheme);
  const like = found === null || (special && base !== null && base.scheme === scheme) ? base : null;
  if (asked !== null) url.query = percentEncode(asked, special ? SPECIAL_QUERY : QUERY);
  url.fragment = fragment;
  const good = scheme === "file" ? addFile(url, rest, like) : addRest(url, rest, like, special);
  return good ? url : null;
}

function withFragment(base, fragment) {
  const url = new Parts(base.scheme, base.host, null, base.query);
  url.path = base.path;
  url.fragment = fragment;
  return url;
}

/** For the schemes that the standard knows, a backslash is a slash. */
function slashes(text) {
  if (find(text, "\\") < 0) return text;
  let result = "";
  for (let at = 0; at < text.length; at += 1) result += text[at] === "\\" ? "/" : text[at];
  return result;
}

function addRest(url, rest, base, special) {
  if (base === null && special) return addAuthority(url, withoutSlashes(rest), special);
  if (startsWith(rest, "//")) return addAuthority(url, special ? withoutSlashes(rest) : slice(rest, 2), special);
  if (base === null) {
    if (startsWith(rest, "/")) addPath(url, slice(rest, 1));
    else url.path = opaque(rest, url.query !== null || url.fragment !== null);
    return true;
  }
  url.username = base.username;
  url.password = base.password;
  url.host = base.host;
  url.port = base.port;
  if (startsWith(rest, "/")) addPath(url, slice(rest, 1));
  else addRelative(url, rest, base);
  return true;
}

function addRelative(url, rest, base) {
  url.path = sliceList(base.path);
  if (rest === "") {
    url.query ??= base.query;
  } else {
    shorten(url);
    addPath(url, rest);
  }
}

function opaque(text, followed) {
  const path = percentEncode(text, CONTROL);
  return followed && path[path.length - 1] === " " ? `${slice(path, 0, -1)}%20` : path;
}

function withoutSlashes(text) {
  let from = 0;
  while (text[from] === "/") from += 1;
  return slice(text, from);
}

function addAuthority(url, text, special) {
  const end = find(text, "/");
  const authority = end < 0 ? text : slice(text, 0, end);
  const at = findLast(authority, "@");
  if (at >= 0) {
    const colon = find(authority, ":");
    const named = colon >= 0 && colon < at ? colon : at;
    url.username = percentEncode(slice(authority, 0, named), USERINFO);
    url.password = percentEncode(slice(authority, named + 1, at), USERINFO);
    if (at + 1 === authority.length) return false;
  }
  const { host, port } = splitPort(slice(authority, at + 1));
  if (host === "" && (special || port !== null)) return false;
  url.host = parseHost(host, special);
  if (url.host === null) return false;
  if (port !== null && port !== "") {
    if (exec(/^[0-9]+$/, port) === null || +port > 65535) return false;
    url.port = portOf(url.scheme, +port);
  }
  addStart(url, end < 0 ? "" : slice(text, end), special);
  return true;
}

/** @returns {{ host: string, port: string | null }} the port is what follows the host's colon */
export function splitPort(text) {
  let inside = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === ":" && !inside) return { host: slice(text, 0, at), port: slice(text, at + 1) };
    if (character === "[") inside = true;
    else if (character === "]") inside = false;
  }
  return { host: text, port: null };
}

/** The port as it is kept: null for the scheme's own. */
export function portOf(scheme, port) {
  return PORTS[scheme] === port ? null : port;
}

function addStart(url, rest, special) {
  if (special || rest !== "") addPath(url, startsWith(rest, "/") ? slice(rest, 1) : rest);
}

function addFile(url, rest, base) {
  url.host = "";
  if (startsWith(rest, "//")) {
    const text = slice(rest, 2);
    const end = find(text, "/");
    const host = end < 0 ? text : slice(text, 0, end);
    if (exec(DRIVE, host) !== null) {
      addPath(url, text);
      return true;
    }
    url.host = host === "" ? "" : fileHost(host);
    if (url.host === null) return false;
    addStart(url, end < 0 ? "" : slice(text, end), true);
    return true;
  }
  if (base !== null) url.host = base.host;
  if (startsWith(rest, "/") || base === null) {
    const text = startsWith(rest, "/") ? slice(rest, 1) : rest;
    const drive = base === null ? undefined : base.path[0];
    const keeps = drive !== undefined && exec(/^[a-zA-Z]:$/, drive) !== null && exec(DRIVE_FIRST, text) === null;
    if (keeps) url.path[0] = drive;
    addPath(url, text);
  } else if (exec(DRIVE_FIRST, rest) !== null) {
    addPath(url, rest);
  } else addRelative(url, rest, base);
  return true;
}

/** @returns {string | null} */
export function fileHost(text) {
  const host = parseHost(text, true);
  return host === "localhost" ? "" : host;
}

function shorten(url) {
  const { path } = url;
  if (url.scheme === "file" && path.length === 1 && exec(/^[a-zA-Z]:$/, path[0]) !== null) return;
  if (path.length > 0) path.length -= 1;
}

/**
 * Add to the path's segments.
 * @param {Parts} url
 * @param {string} text without a slash before it
 */
export function addPath(url, text) {
  const { path } = url;
  for (let from = 0; ; ) {
    const to = find(text, "/", from);
    let segment = to < 0 ? slice(text, from) : slice(text, from, to);
    if (exec(TWO_DOTS, segment) !== null) {
      shorten(url);
      if (to < 0) path[path.length] = "";
    } else if (exec(ONE_DOT, segment) !== null) {
      if (to < 0) path[path.length] = "";
    } else {
      if (url.scheme === "file" && path.length === 0 && exec(DRIVE, segment) !== null) segment = `${segment[0]}:`;
      path[path.length] = percentEncode(segment, PATH);
    }
    if (to < 0) return;
    from = to + 1;
  }
}

/** Set the path from a text of its own, in which question mark and hash are letters like others. */
export function replacePath(url, text) {
  const special = isSpecial(url.scheme);
  const path = special ? slashes(text) : text;
  url.path = [];
  if (path === "" && !special) {
    if (url.host === null) url.path = [""];
    return;
  }
  addPath(url, startsWith(path, "/") ? slice(path, 1) : path);
}
