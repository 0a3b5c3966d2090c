// SPDX-License-Identifier: Apache-2.0
/** Iterating what is made of pairs of name and value: Headers, URLSearchParams, FormData. */

import { defineProperties, defineProperty, getPrototypeOf, setPrototypeOf } from "./primordials.js";

const IteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()));
const [ENTRIES, KEYS] = ["entries", "keys"];

/**
 * Give a class the methods entries, keys, values, forEach and `[Symbol.iterator]`.
 *
 * Iterators are live, as the standards say: each step asks anew for the pairs.
 * @param {Function} target
 * @param {(self: object) => unknown[]} pairsOf a flat list, name and value in turn; throws for another kind of object
 */
export function iteratePairs(target, pairsOf) {
  class Pairs {
    #self;
    #kind;
    #next = 0;

    constructor(self, kind) {
      pairsOf(self);
      this.#self = self;
      this.#kind = kind;
    }

    next() {
      const pairs = pairsOf(this.#self);
      const at = this.#next;
      if (at >= pairs.length) return { value: undefined, done: true };
      this.#next = at + 2;
      const kind = this.#kind;
      const value = kind === ENTRIES ? [pairs[at], pairs[at + 1]] : kind === KEYS ? pairs[at] : pairs[at + 1];
      return { value, done: false };
    }
  }
  beIterator(Pairs, IteratorPrototype, `${target.name} Iterator`, ["next"]);

  const { entries, keys, values, forEach } = {
    entries() {
      return new Pairs(this, ENTRIES);
    },
    keys() {
      return new Pairs(this, KEYS);
    },
    values() {
      return new Pairs(this, "values");
    },
    forEach(callback, self = undefined) {
      let pairs = pairsOf(this);
      if (typeof callback !== "function") throw new TypeError("forEach takes a function");
      for (let at = 0; at < pairs.length; at += 2) {
        callback.call(self, pairs[at + 1], pairs[at], this);
        pairs = pairsOf(this);
      }
    },
  };
  const method = (value) => ({ value, writable: true, enumerable: true, configurable: true });
  defineProperties(target.prototype, {
    entries: method(entries),
    keys: method(keys),
    values: method(values),
    forEach: method(forEach),
    [Symbol.iterator]: { value: entries, writable: true, configurable: true },
  });
}

/** Make a class's prototype that of an iterator: apps see no class of it. */
export function beIterator(kind, parent, name, methods) {
  delete kind.prototype.constructor;
  setPrototypeOf(kind.prototype, parent);
  shown(kind.prototype, methods, name);
}

/** What a browser's class has: methods that are seen in a loop, and a name for `Object.prototype.toString`. */
export function shown(prototype, names, tag) {
  for (let at = 0; at < names.length; at += 1) defineProperty(prototype, names[at], { enumerable: true });
  defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
}
