// SPDX-License-Identifier: Apache-2.0
/** Secret keys as JSON Web Keys (RFC 7517): `{ kty: "oct", k, alg, key_ops, ext }`. */

import { base64Decode, base64Encode } from "genapps:native";

import { exec, repeat } from "./primordials.js";

const { DOMException } = globalThis;
const ALGORITHMS = { __proto__: null, "SHA-1": "HS1", "SHA-256": "HS256", "SHA-384": "HS384", "SHA-512": "HS512" };

const refused = (what) => new DOMException(what, "DataError");

/**
 * The bytes of a key. Throws TypeError for what is no object, a DataError for a key that is not for this.
 * @param {object} key
 * @param {string} hash
 * @param {string[]} usages
 */
export function fromJwk(key, hash, extractable, usages) {
  if (key === null || typeof key !== "object") throw new TypeError("a JSON Web Key is an object");
  const { alg, ext, k, kty, use } = key;
  const operations = key.key_ops === undefined ? undefined : [...key.key_ops];
  if (kty !== "oct") throw refused('the kty of a secret key is "oct"');
  if (alg !== undefined && alg !== ALGORITHMS[hash]) throw refused(`the key's alg is not ${ALGORITHMS[hash]}`);
  if (use !== undefined && use !== "sig") throw refused("the key's use is another one");
  if (ext === false && extractable) throw refused("the key is not to be extractable");
  for (let at = 0; operations !== undefined && at < usages.length; at += 1) {
    let known = false;
    for (let each = 0; each < operations.length; each += 1) known ||= operations[each] === usages[at];
    if (!known) throw refused(`the key's key_ops has no ${usages[at]}`);
  }
  const bytes = typeof k === "string" && exec(/[^\w-]/, k) === null ? base64Decode(padded(k)) : null;
  if (bytes === null) throw refused("the key's k is no base64url");
  return bytes;
}

/** @param {Uint8Array} bytes @param {readonly string[]} usages */
export function toJwk(bytes, hash, extractable, usages) {
  return { kty: "oct", k: translated(base64Encode(bytes), "+/=", ["-", "_", ""]), alg: ALGORITHMS[hash], key_ops: [...usages], ext: extractable };
}

function padded(text) {
  return translated(text, "-_", ["+", "/"]) + repeat("=", (4 - (text.length % 4)) % 4);
}

function translated(text, from, to) {
  let made = "";
  for (let at = 0; at < text.length; at += 1) {
    let other = text[at];
    for (let each = 0; each < from.length; each += 1) if (from[each] === text[at]) other = to[each];
    made += other;
  }
  return made;
}
