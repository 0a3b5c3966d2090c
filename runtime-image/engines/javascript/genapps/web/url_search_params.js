// SPDX-License-Identifier: Apache-2.0
/** `URLSearchParams`, alone or as the query of a URL. */

import { iteratePairs, shown } from "./iterators.js";
import { allOf, append, firstOf, needs, remove, replace } from "./pairs.js";
import { parseForm, serializeForm } from "./percent.js";
import {
  getOwnPropertyDescriptor, ownKeys, slice, sortList, startsWith, wellFormed,
} from "./primordials.js";

function text(value) {
  return wellFormed(`${value}`);
}

/** @type {(params: URLSearchParams) => string[]} */
let pairsOf;
/** Those of a URL. @type {(query: string, changed: (query: string) => void) => URLSearchParams} */
export let paramsOf;
/** @type {(params: URLSearchParams, query: string) => void} */
export let refillParams;
/** @type {(value: unknown) => boolean} */
export let isParams;

/** The parameters of a query, decoded, in order; a name may come several times. */
export class URLSearchParams {
  /** @type {string[]} name and value in turn */
  #list = [];
  /** @type {((query: string) => void) | null} tells the URL whose query this is */
  #changed = null;

  constructor(init = "") {
    if (init === "") return;
    if (init === null || (typeof init !== "object" && typeof init !== "function")) {
      const query = text(init);
      this.#list = parseForm(startsWith(query, "?") ? slice(query, 1) : query);
      return;
    }
    const method = init[Symbol.iterator];
    if (method === undefined || method === null) this.#record(init);
    else if (typeof method !== "function") throw new TypeError("the parameters cannot be iterated");
    else this.#sequence(init, method);
  }

  get size() {
    return this.#list.length / 2;
  }

  append(name, value) {
    needs(arguments.length, 2, "append");
    append(this.#list, text(name), text(value));
    this.#tell();
  }

  delete(name, value = undefined) {
    needs(arguments.length, 1, "delete");
    const own = text(name);
    const wanted = value === undefined ? undefined : text(value);
    remove(this.#list, own, wanted);
    this.#tell();
  }

  get(name) {
    needs(arguments.length, 1, "get");
    return firstOf(this.#list, text(name));
  }

  getAll(name) {
    needs(arguments.length, 1, "getAll");
    return allOf(this.#list, text(name));
  }

  has(name, value = undefined) {
    needs(arguments.length, 1, "has");
    const own = text(name);
    const wanted = value === undefined ? undefined : text(value);
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) {
      if (list[at] === own && (wanted === undefined || list[at + 1] === wanted)) return true;
    }
    return false;
  }

  set(name, value) {
    needs(arguments.length, 2, "set");
    replace(this.#list, text(name), text(value));
    this.#tell();
  }

  sort() {
    const list = this.#list;
    const pairs = [];
    for (let at = 0; at < list.length; at += 2) pairs[pairs.length] = [list[at], list[at + 1]];
    sortList(pairs, (one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
    for (let at = 0; at < pairs.length; at += 1) {
      list[2 * at] = pairs[at][0];
      list[2 * at + 1] = pairs[at][1];
    }
    this.#tell();
  }

  toString() {
    return serializeForm(this.#list);
  }

  #tell() {
    if (this.#changed !== null) this.#changed(serializeForm(this.#list));
  }

  #sequence(init, method) {
    for (const pair of { [Symbol.iterator]: () => method.call(init) }) {
      const both = pair !== null && typeof pair === "object" ? [...pair] : [];
      if (both.length !== 2) throw new TypeError("parameters in a list are pairs of name and value");
      append(this.#list, text(both[0]), text(both[1]));
    }
  }

  #record(init) {
    const names = ownKeys(init);
    const places = new Map();
    for (let at = 0; at < names.length; at += 1) {
      const described = getOwnPropertyDescriptor(init, names[at]);
      if (described === undefined || !described.enumerable) continue;
      const name = text(names[at]);
      const value = text(init[names[at]]);
      const known = places.get(name);
      if (known === undefined) {
        places.set(name, this.#list.length + 1);
        append(this.#list, name, value);
      } else this.#list[known] = value;
    }
  }

  static {
    pairsOf = (params) => params.#list;
    paramsOf = (query, changed) => {
      const params = new URLSearchParams();
      params.#list = parseForm(query);
      params.#changed = changed;
      return params;
    };
    refillParams = (params, query) => {
      params.#list = parseForm(query);
    };
    isParams = (value) => typeof value === "object" && value !== null && #list in value;
  }
}

/** @type {(params: URLSearchParams) => string} */
export const paramsText = (params) => serializeForm(pairsOf(params));

iteratePairs(URLSearchParams, (params) => pairsOf(params));
shown(URLSearchParams.prototype, ["append", "delete", "get", "getAll", "has", "set", "size", "sort", "toString"], "URLSearchParams");
