// SPDX-License-Identifier: Apache-2.0
/** Names and values in one list, a name and its value in turn: what FormData and URLSearchParams are made of. */

import { splice } from "./primordials.js";

/** What a method says that got too little. */
export function needs(given, count, method) {
  if (given < count) throw new TypeError(`${method} takes ${count === 1 ? "a name" : "a name and a value"}`);
}

/** @param {unknown[]} list @returns {unknown} the first value of that name, or null */
export function firstOf(list, name) {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return list[at + 1];
  return null;
}

/** @returns {unknown[]} all values of that name */
export function allOf(list, name) {
  const found = [];
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) found[found.length] = list[at + 1];
  return found;
}

/** Remove the pairs of that name; with a value, those that have it. */
export function remove(list, name, value = undefined) {
  for (let at = 0; at < list.length; ) {
    if (list[at] === name && (value === undefined || list[at + 1] === value)) splice(list, at, 2);
    else at += 2;
  }
}

/** Give the first pair of that name this value, and remove the others; without one it comes at the end. */
export function replace(list, name, value) {
  let found = false;
  for (let at = 0; at < list.length; ) {
    if (list[at] === name && found) splice(list, at, 2);
    else {
      if (list[at] === name) {
        list[at + 1] = value;
        found = true;
      }
      at += 2;
    }
  }
  if (!found) append(list, name, value);
}

/** A pair at the end. */
export function append(list, name, value) {
  list[list.length] = name;
  list[list.length] = value;
}
