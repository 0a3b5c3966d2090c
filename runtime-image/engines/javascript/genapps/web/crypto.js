// SPDX-License-Identifier: Apache-2.0
/** `crypto`: randomness of the host, digests and HMAC. Everything else is refused with a NotSupportedError. */

import { digest, hmac, random } from "genapps:native";

import { shown } from "./iterators.js";
import { fromJwk, toJwk } from "./jwk.js";
import {
  bufferOf, byteLength, bytesOf, copyBytes, exec, freeze, isView, numberText, padStart, setBytes, slice, upper, viewKind,
} from "./primordials.js";

const { DOMException, Uint8Array: Bytes } = globalThis;
const MADE = {};
const MOST = 65_536;
/** What the host gives at once. */
const STEP = 4096;
const BLOCK = { __proto__: null, "SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128 };
const INTEGERS = /^(?:Uint|Int)(?:8|8Clamped|16|32)Array$|^Big(?:Uint|Int)64Array$/;

function refused(what) {
  return new DOMException(`${what} is not supported here: there are SHA-1, SHA-256, SHA-384, SHA-512, and HMAC with each`, "NotSupportedError");
}

function fill(target) {
  const length = byteLength(target);
  for (let at = 0; at < length; at += STEP) {
    setBytes(target, random(length - at < STEP ? length - at : STEP), at);
  }
  return target;
}

function sourceOf(value) {
  const bytes = bytesOf(value);
  if (bytes === null) throw new TypeError("the data is an ArrayBuffer or a view of one");
  return copyBytes(bytes);
}

function nameOf(algorithm) {
  const name = typeof algorithm === "object" && algorithm !== null ? algorithm.name : algorithm;
  if (name === undefined) throw new TypeError("the algorithm has no name");
  return upper(`${name}`);
}

function hashOf(algorithm) {
  const name = nameOf(algorithm);
  if (BLOCK[name] === undefined) throw refused(slice(name, 0, 40));
  return name;
}

function hmacOnly(algorithm) {
  const name = nameOf(algorithm);
  if (name !== "HMAC") throw refused(slice(name, 0, 40));
}

const USES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

function usesOf(given) {
  let [sign, verify] = [false, false];
  for (const one of given) {
    const use = `${one}`;
    let known = false;
    for (let at = 0; at < USES.length; at += 1) known ||= USES[at] === use;
    if (!known) throw new TypeError(`no such use of a key: ${slice(use, 0, 40)}`);
    if (use !== "sign" && use !== "verify") throw new DOMException("a key of HMAC signs and verifies only", "SyntaxError");
    if (use === "sign") sign = true;
    else verify = true;
  }
  if (!sign && !verify) throw new DOMException("the key has no use", "SyntaxError");
  return { sign, verify };
}

const listOf = (uses) => [...(uses.sign ? ["sign"] : []), ...(uses.verify ? ["verify"] : [])];

function isJwk(format) {
  const name = `${format}`;
  if (name !== "raw" && name !== "jwk") throw refused(`the format ${slice(name, 0, 20)}`);
  return name === "jwk";
}

/** @type {(key: CryptoKey) => { bytes: Uint8Array, hash: string, uses: { sign: boolean, verify: boolean }, extractable: boolean }} */
let secretOf;

/** A key that is used by its name only; its bytes come out by exportKey, where that is allowed. */
export class CryptoKey {
  #secret;
  #algorithm;
  #usages;

  constructor(made, secret, length) {
    if (made !== MADE) throw new TypeError("keys are made by crypto.subtle");
    this.#secret = secret;
    this.#algorithm = freeze({ name: "HMAC", length, hash: freeze({ name: secret.hash }) });
    this.#usages = freeze(listOf(secret.uses));
  }

  get type() {
    this.#secret;
    return "secret";
  }

  get extractable() {
    return this.#secret.extractable;
  }

  get algorithm() {
    return this.#algorithm;
  }

  get usages() {
    return this.#usages;
  }

  static {
    secretOf = (key) => key.#secret;
  }
}

function keyFor(algorithm, key, use) {
  hmacOnly(algorithm);
  const secret = secretOf(key);
  if (!secret.uses[use]) throw new DOMException(`the key is not for ${use}`, "InvalidAccessError");
  return secret;
}

/** In a time that does not tell where two texts differ. */
function same(one, other) {
  const length = byteLength(one);
  if (length !== byteLength(other)) return false;
  let different = 0;
  for (let at = 0; at < length; at += 1) different |= one[at] ^ other[at];
  return different === 0;
}

/** Digests and keys. Its methods reject with a DOMException for what they cannot do. */
export class SubtleCrypto {
  #made = true;

  constructor(made) {
    if (made !== MADE) throw new TypeError("this is crypto.subtle");
  }

  async digest(algorithm, data) {
    this.#made;
    const name = hashOf(algorithm);
    return bufferOf(digest(name, sourceOf(data)));
  }

  async importKey(format, data, algorithm, extractable, usages) {
    this.#made;
    hmacOnly(algorithm);
    const hash = hashOf(algorithm.hash);
    const jwk = isJwk(format);
    const raw = jwk ? null : sourceOf(data);
    const uses = usesOf(usages);
    const bytes = jwk ? fromJwk(data, hash, !!extractable, listOf(uses)) : raw;
    const length = byteLength(bytes) * 8;
    if (length === 0) throw new DOMException("the key is empty", "DataError");
    if (algorithm.length !== undefined && +algorithm.length !== length) throw new DOMException("the key has another length", "DataError");
    return new CryptoKey(MADE, { bytes, hash, uses, extractable: !!extractable }, length);
  }

  async generateKey(algorithm, extractable, usages) {
    this.#made;
    hmacOnly(algorithm);
    const hash = hashOf(algorithm.hash);
    const uses = usesOf(usages);
    const bits = algorithm.length === undefined ? BLOCK[hash] * 8 : +algorithm.length;
    if (!(bits > 0) || bits % 8 !== 0 || bits > STEP * 8) throw new DOMException("the length of a key is a multiple of 8 bits, up to 32768", "OperationError");
    return new CryptoKey(MADE, { bytes: fill(new Bytes(bits / 8)), hash, uses, extractable: !!extractable }, bits);
  }

  async exportKey(format, key) {
    this.#made;
    const secret = secretOf(key);
    const jwk = isJwk(format);
    if (!secret.extractable) throw new DOMException("the key cannot be exported", "InvalidAccessError");
    if (jwk) return toJwk(secret.bytes, secret.hash, true, listOf(secret.uses));
    return bufferOf(copyBytes(secret.bytes));
  }

  async sign(algorithm, key, data) {
    this.#made;
    const bytes = sourceOf(data);
    const secret = keyFor(algorithm, key, "sign");
    return bufferOf(hmac(secret.hash, secret.bytes, bytes));
  }

  async verify(algorithm, key, signature, data) {
    this.#made;
    const given = sourceOf(signature);
    const bytes = sourceOf(data);
    const secret = keyFor(algorithm, key, "verify");
    return same(given, hmac(secret.hash, secret.bytes, bytes));
  }

  async encrypt(algorithm) {
    throw refused(slice(nameOf(algorithm), 0, 40));
  }

  async decrypt(algorithm) {
    throw refused(slice(nameOf(algorithm), 0, 40));
  }

  async deriveKey(algorithm) {
    throw refused(slice(nameOf(algorithm), 0, 40));
  }

  async deriveBits(algorithm) {
    throw refused(slice(nameOf(algorithm), 0, 40));
  }

  async wrapKey() {
    throw refused("wrapKey");
  }

  async unwrapKey() {
    throw refused("unwrapKey");
  }
}

/** Randomness, and `subtle`. */
export class Crypto {
  #subtle = new SubtleCrypto(MADE);

  constructor(made) {
    if (made !== MADE) throw new TypeError("this is crypto");
  }

  get subtle() {
    return this.#subtle;
  }

  getRandomValues(view) {
    this.#subtle;
    const kind = isView(view) ? viewKind(view) : undefined;
    if (kind === undefined || exec(INTEGERS, kind) === null) {
      if (isView(view)) throw new DOMException("randomness is for arrays of integers", "TypeMismatchError");
      throw new TypeError("getRandomValues fills a typed array");
    }
    if (byteLength(view) > MOST) throw new DOMException(`at most ${MOST} bytes at once`, "QuotaExceededError");
    fill(bytesOf(view));
    return view;
  }

  randomUUID() {
    this.#subtle;
    const bytes = random(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = "";
    for (let at = 0; at < 16; at += 1) {
      if (at === 4 || at === 6 || at === 8 || at === 10) text += "-";
      text += padStart(numberText(bytes[at], 16), 2, "0");
    }
    return text;
  }
}

/** The global object of that name. */
export const crypto = new Crypto(MADE);

shown(Crypto.prototype, ["subtle", "getRandomValues", "randomUUID"], "Crypto");
shown(CryptoKey.prototype, ["type", "extractable", "algorithm", "usages"], "CryptoKey");
shown(
  SubtleCrypto.prototype,
  [
    "encrypt", "decrypt", "sign", "verify", "digest", "generateKey", "deriveKey", "deriveBits", "importKey", "exportKey",
    "wrapKey", "unwrapKey",
  ],
  "SubtleCrypto",
);
