// SPDX-License-Identifier: Apache-2.0
// JSON of what an app gives, for the host.

import { charCode, find, jsonStringify, slice } from "./web/primordials.js";

const BACKSLASH = 92;

/**
 * The value as JSON; undefined when JSON has nothing for it. Half a character (a lone surrogate) becomes U+FFFD, because
 * no other program reads it. Throws what JSON.stringify throws.
 */
export function denseJson(value) {
  const text = jsonStringify(value);
  return text === undefined || find(text, "\\ud") < 0 ? text : whole(text);
}

/** JSON.stringify writes half characters as \ud800 to \udfff, and no whole one so. */
function whole(text) {
  let made = "";
  let from = 0;
  for (let at = find(text, "\\", 0); at >= 0; at = find(text, "\\", at + 2)) {
    if (slice(text, at + 1, at + 3) === "ud" && charCode(text, at + 3) !== BACKSLASH) {
      made += `${slice(text, from, at)}\\ufffd`;
      from = at + 6;
    }
  }
  return made + slice(text, from);
}
