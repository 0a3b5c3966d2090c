// SPDX-License-Identifier: Apache-2.0
/** `Headers`, and what main.js needs of them: those of a request as the host sends them, those of an answer as it takes them. */

import { iteratePairs, shown } from "./iterators.js";
import {
  charCode, exec, freeze, isArray, isEnumerable, isFrozen, jsonParse, jsonStringify, keys,
  lower, mapGet, mapHas, mapSet, mapSize, ownKeys, slice, sliceList, sortList, splice,
} from "./primordials.js";

// These look for what is wrong: a search that finds nothing makes no object.
const NO_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
/** What a value cannot hold, or what the host does not send. */
const CONTROL = /[^\t -~\x80-\xff]/;
const COOKIE = "set-cookie";

/** Names that nearly every answer has; looking one up is cheaper than checking its characters. */
const KNOWN = new Map();
for (const name of [
  "Accept", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
  "Authorization", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
  "Content-Type", "Cookie", "ETag", "Host", "Last-Modified", "Location", "Origin", "Set-Cookie", "Vary",
  "WWW-Authenticate", "X-Request-Id",
]) {
  mapSet(KNOWN, name, lower(name));
  mapSet(KNOWN, lower(name), lower(name));
}

function nameOf(given) {
  const name = typeof given === "string" ? given : `${given}`;
  const known = mapGet(KNOWN, name);
  if (known !== undefined) return known;
  if (name === "" || exec(NO_TOKEN, name) !== null) throw new TypeError(`not the name of a header: ${jsonStringify(slice(name, 0, 100))}`);
  return lower(name);
}

/** Values that were found good, as JSON: an app sends the same again and again. */
const QUOTED = new Map();
const MOST_QUOTED = 64;
const LONGEST_QUOTED = 64;

function remember(value, text) {
  if (mapSize(QUOTED) < MOST_QUOTED && value.length <= LONGEST_QUOTED) mapSet(QUOTED, value, text);
  return text;
}

function valueOf(given) {
  const value = typeof given === "string" ? given : `${given}`;
  if (mapHas(QUOTED, value)) return value;
  if (value === "" || (exec(CONTROL, value) === null && !isSpace(charCode(value, 0)) && !isSpace(charCode(value, value.length - 1)))) {
    return value;
  }
  let from = 0;
  let to = value.length;
  while (from < to && isSpace(charCode(value, from))) from += 1;
  while (to > from && isSpace(charCode(value, to - 1))) to -= 1;
  for (let at = from; at < to; at += 1) {
    const code = charCode(value, at);
    if (code > 255) throw new TypeError("a header's value holds a character above U+00FF; encode it first");
    if (code === 0 || code === 10 || code === 13) throw new TypeError("a header's value holds a line break or a NUL");
  }
  return slice(value, from, to);
}

function isSpace(code) {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/** @type {(headers: Headers) => string[]} sorted by name, values of a name joined */
let pairsOf;
/**
 * Those of a request: `source` is JSON text or the object in it, names in lower case, a value a text or a list of them.
 * Nothing is parsed before the app asks. They cannot be changed.
 * @type {(source: string | object) => Headers}
 */
export let incomingHeaders;
/** One value by its name in lower case, or null. @type {(headers: Headers, name: string) => string | null} */
export let headerOf;
/** The media type, unless there is one. @type {(headers: Headers, type: string) => void} */
export let addType;
/** @type {(headers: Headers) => void} */
export let freezeHeaders;
/**
 * A JSON list of pairs as the host takes it. Throws TypeError for a control character.
 * @type {(headers: Headers) => string}
 */
export let outgoingHeaders;

/** A list of header fields, names in lower case. Throws TypeError for a name or value that HTTP does not have. */
export class Headers {
  /**
   * Name and value in turn, in the order in which they were added, frozen where they cannot be changed. Before an app
   * asks for it, what the host sent: JSON text, or the object it holds.
   * @type {string[] | string | object}
   */
  #list = [];
  /** @type {string[] | null} the list as iterators give it */
  #sorted = null;

  constructor(init = undefined) {
    if (init !== undefined) this.#fill(init);
  }

  append(name, value) {
    if (arguments.length < 2) throw new TypeError("append takes a name and a value");
    const own = nameOf(name);
    const text = valueOf(value);
    this.#change();
    this.#append(own, text);
  }

  delete(name) {
    if (arguments.length < 1) throw new TypeError("delete takes a name");
    const own = nameOf(name);
    this.#change();
    this.#remove(own, 0);
  }

  get(name) {
    if (arguments.length < 1) throw new TypeError("get takes a name");
    return this.#get(nameOf(name));
  }

  getSetCookie() {
    const list = this.#read();
    const found = [];
    for (let at = 0; at < list.length; at += 2) if (list[at] === COOKIE) found[found.length] = list[at + 1];
    return found;
  }

  has(name) {
    if (arguments.length < 1) throw new TypeError("has takes a name");
    return this.#get(nameOf(name)) !== null;
  }

  set(name, value) {
    if (arguments.length < 2) throw new TypeError("set takes a name and a value");
    const own = nameOf(name);
    const text = valueOf(value);
    this.#change();
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) {
      if (list[at] === own) {
        list[at + 1] = text;
        this.#remove(own, at + 2);
        return;
      }
    }
    this.#append(own, text);
  }

  #append(name, value) {
    const list = this.#list;
    list[list.length] = name;
    list[list.length] = value;
  }

  #change() {
    if (isFrozen(this.#read())) throw new TypeError("these headers cannot be changed; make new ones from them: new Headers(headers)");
    this.#sorted = null;
  }

  #get(name) {
    if (typeof this.#list === "string") this.#list = jsonParse(this.#list);
    const list = this.#list;
    if (!isArray(list)) {
      if (!isEnumerable(list, name)) return null;
      const value = list[name];
      return isArray(value) ? joined(value, name) : value;
    }
    let found = null;
    for (let at = 0; at < list.length; at += 2) {
      if (list[at] === name) found = found === null ? list[at + 1] : `${found}, ${list[at + 1]}`;
    }
    return found;
  }

  #read() {
    if (isArray(this.#list)) return this.#list;
    const object = typeof this.#list === "string" ? jsonParse(this.#list) : this.#list;
    const names = keys(object);
    this.#list = [];
    for (let at = 0; at < names.length; at += 1) {
      const value = object[names[at]];
      if (!isArray(value)) this.#append(names[at], value);
      else for (let one = 0; one < value.length; one += 1) this.#append(names[at], value[one]);
    }
    return freeze(this.#list);
  }

  #remove(name, from) {
    const list = this.#list;
    for (let at = from; at < list.length; ) {
      if (list[at] === name) splice(list, at, 2);
      else at += 2;
    }
  }

  #fill(init) {
    if (init === null || (typeof init !== "object" && typeof init !== "function")) {
      throw new TypeError("headers are made of an object, a list of pairs, or other headers");
    }
    const method = init[Symbol.iterator];
    if (method === entries && #list in init) {
      this.#list = sliceList(init.#read());
    } else if (method !== undefined && method !== null) {
      if (typeof method !== "function") throw new TypeError("headers cannot be iterated");
      for (const pair of { [Symbol.iterator]: () => method.call(init) }) {
        const both = typeof pair === "object" && pair !== null ? [...pair] : [];
        if (both.length !== 2) throw new TypeError("headers in a list are pairs of name and value");
        this.#append(nameOf(both[0]), valueOf(both[1]));
      }
    } else {
      this.#record(init);
    }
  }

  #record(init) {
    const names = ownKeys(init);
    for (let at = 0; at < names.length; at += 1) {
      if (!isEnumerable(init, names[at])) continue;
      const name = nameOf(names[at]);
      this.#append(name, valueOf(init[names[at]]));
    }
  }

  static {
    pairsOf = (headers) => {
      const list = headers.#read();
      return (headers.#sorted ??= sorted(list));
    };
    incomingHeaders = (source) => {
      const headers = new Headers();
      headers.#list = source;
      return headers;
    };
    headerOf = (headers, name) => headers.#get(name);
    addType = (headers, type) => {
      if (headers.#get("content-type") === null) headers.#append("content-type", type);
    };
    freezeHeaders = (headers) => {
      freeze(headers.#list);
    };
    outgoingHeaders = (headers) => {
      const list = headers.#read();
      let text = "[";
      for (let at = 0; at < list.length; at += 2) {
        const value = list[at + 1];
        text += `${at === 0 ? "[" : ",["}"${list[at]}",${mapGet(QUOTED, value) ?? sent(list[at], value)}]`;
      }
      return `${text}]`;
    };
  }
}

iteratePairs(Headers, (headers) => pairsOf(headers));
shown(Headers.prototype, ["append", "delete", "get", "getSetCookie", "has", "set"], "Headers");
const { entries } = Headers.prototype;

/** A string of its own: of a list, JSON.stringify would ask the app's Array.prototype.toJSON. */
function sent(name, value) {
  if (exec(CONTROL, value) !== null) throw new TypeError(`the header ${name} holds a control character`);
  return remember(value, jsonStringify(value));
}

function joined(values, name) {
  let text = values[0];
  const between = name === "cookie" ? "; " : ", ";
  for (let at = 1; at < values.length; at += 1) text += between + values[at];
  return text;
}

function sorted(list) {
  const byName = new Map();
  const names = [];
  for (let at = 0; at < list.length; at += 2) {
    const known = mapGet(byName, list[at]);
    if (known === undefined) {
      mapSet(byName, list[at], [list[at + 1]]);
      names[names.length] = list[at];
    } else known[known.length] = list[at + 1];
  }
  sortList(names);
  const pairs = [];
  for (let at = 0; at < names.length; at += 1) {
    const values = mapGet(byName, names[at]);
    const separate = names[at] === COOKIE ? values : [joined(values, names[at])];
    for (let one = 0; one < separate.length; one += 1) {
      pairs[pairs.length] = names[at];
      pairs[pairs.length] = separate[one];
    }
  }
  return pairs;
}
