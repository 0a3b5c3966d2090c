// SPDX-License-Identifier: Apache-2.0
/** Percent-encoding of the URL standard, and the form encoding upon it. */

import { utf8Decode, utf8Encode } from "genapps:native";

import { byteLength, charCode, exec, find, fromCharCode, lower, numberText, padStart, slice, subarray, upper } from "./primordials.js";

/** What is encoded, as a pattern for one character, beside controls and all that is not ASCII. */
export const FRAGMENT = /[^!#-;=?-_a-z{-~]/;
export const QUERY = /[^!$-;=?-~]/;
export const SPECIAL_QUERY = /[^!$-&(-;=?-~]/;
export const PATH = /[^!$-;=@-\]_a-z|~]/;
export const USERINFO = /[^!$-.0-9A-Z_a-z~%]/;
export const CONTROL = /[^ -~]/;
const COMPONENT = /[^A-Za-z0-9*\-._]/;
const ENCODED = /[+%]/;
const UPPER = /[A-Z]/;
const BEYOND = /[^\0-\x7f]/;
const HEX = /^[0-9A-Fa-f]{2}$/;

/** The characters of `text` that `set` finds become %XX. */
export function percentEncode(text, set) {
  const first = exec(set, text);
  if (first === null) return text;
  let encoded = slice(text, 0, first.index);
  const bytes = utf8Encode(slice(text, first.index));
  const length = byteLength(bytes);
  for (let at = 0; at < length; at += 1) {
    const character = fromCharCode(bytes[at]);
    encoded += bytes[at] < 128 && exec(set, character) === null ? character : escaped(bytes[at]);
  }
  return encoded;
}

function escaped(byte) {
  return `%${padStart(upper(numberText(byte, 16)), 2, "0")}`;
}

/** The text with each %XX decoded, as UTF-8; what is not UTF-8 becomes U+FFFD. */
export function percentDecode(text) {
  if (find(text, "%") < 0) return text;
  const source = utf8Encode(text);
  const length = byteLength(source);
  const bytes = new Bytes(length);
  let size = 0;
  for (let at = 0; at < length; at += 1) {
    let byte = source[at];
    if (byte === 37 && at + 2 < length) {
      const digits = fromCharCode(source[at + 1], source[at + 2]);
      if (exec(HEX, digits) !== null) {
        byte = hexValue(charCode(digits, 0)) * 16 + hexValue(charCode(digits, 1));
        at += 2;
      }
    }
    bytes[size] = byte;
    size += 1;
  }
  return utf8Decode(subarray(bytes, 0, size), false, true);
}

function hexValue(code) {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

const { Uint8Array: Bytes } = globalThis;

/**
 * A query or a form as name and value in turn.
 * @param {string} text without the question mark
 * @returns {string[]}
 */
export function parseForm(text) {
  const read = exec(ENCODED, text) === null ? (part) => part : fromForm;
  const pairs = [];
  let from = 0;
  while (from <= text.length) {
    let to = find(text, "&", from);
    if (to < 0) to = text.length;
    if (to > from) {
      const equals = find(text, "=", from);
      const split = equals < 0 || equals > to ? to : equals;
      pairs[pairs.length] = read(slice(text, from, split));
      pairs[pairs.length] = split < to ? read(slice(text, split + 1, to)) : "";
    }
    from = to + 1;
  }
  return pairs;
}

/** @param {string[]} pairs name and value in turn @returns {string} */
export function serializeForm(pairs) {
  let text = "";
  for (let at = 0; at < pairs.length; at += 2) {
    if (at > 0) text += "&";
    text += `${toForm(pairs[at])}=${toForm(pairs[at + 1])}`;
  }
  return text;
}

function fromForm(text) {
  let plus = find(text, "+");
  if (plus >= 0) {
    let spaced = "";
    let from = 0;
    for (; plus >= 0; plus = find(text, "+", from)) {
      spaced += `${slice(text, from, plus)} `;
      from = plus + 1;
    }
    text = spaced + slice(text, from);
  }
  return percentDecode(text);
}

function toForm(text) {
  const encoded = percentEncode(text, COMPONENT);
  let at = find(encoded, "%20");
  if (at < 0) return encoded;
  let spaced = "";
  let from = 0;
  for (; at >= 0; at = find(encoded, "%20", from)) {
    spaced += `${slice(encoded, from, at)}+`;
    from = at + 3;
  }
  return spaced + slice(encoded, from);
}

/** The text in ASCII lower case; other letters stay. */
export function asciiLower(text) {
  return exec(UPPER, text) === null ? text : exec(BEYOND, text) === null ? lower(text) : lowerOnlyAscii(text);
}

function lowerOnlyAscii(text) {
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    const code = charCode(text, at);
    result += fromCharCode(code >= 65 && code <= 90 ? code + 32 : code);
  }
  return result;
}
