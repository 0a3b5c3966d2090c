// SPDX-License-Identifier: Apache-2.0
/** `TextEncoder` and `TextDecoder`: UTF-8, UTF-16 and windows-1252. Other encodings of old pages are refused by name. */

import { utf8Decode, utf8Encode } from "genapps:native";

import { shown } from "./iterators.js";
import {
  byteLength, bytesOf, charCode, codePoint, exec, fromCharCode, lower, mapGet, mapSet, setBytes, slice,
  subarray, viewKind, wellFormed,
} from "./primordials.js";

const { Uint8Array: Bytes } = globalThis;
const NONE = new Bytes(0);
const PIECE = 4096;

/** Text to bytes, always UTF-8. */
export class TextEncoder {
  #brand;

  get encoding() {
    this.#brand;
    return "utf-8";
  }

  encode(input = "") {
    this.#brand;
    return utf8Encode(wellFormed(`${input}`));
  }

  encodeInto(source, destination) {
    this.#brand;
    const text = wellFormed(`${source}`);
    if (viewKind(destination) !== "Uint8Array") throw new TypeError("encodeInto writes into a Uint8Array");
    const room = byteLength(destination);
    let read = 0;
    let written = 0;
    while (read < text.length) {
      const point = codePoint(text, read);
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (written + size > room) break;
      written += size;
      read += size === 4 ? 2 : 1;
    }
    setBytes(destination, utf8Encode(slice(text, 0, read)));
    return { read, written };
  }
}

const LABELS = new Map();
for (const [name, labels] of [
  ["utf-8", ["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"]],
  ["utf-16le", ["csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff", "utf-16", "utf-16le"]],
  ["utf-16be", ["unicodefffe", "utf-16be"]],
  ["windows-1252", [
    "ansi_x3.4-1968", "ascii", "cp1252", "cp819", "csisolatin1", "ibm819", "iso-8859-1", "iso-ir-100", "iso8859-1",
    "iso88591", "iso_8859-1", "iso_8859-1:1987", "l1", "latin1", "us-ascii", "windows-1252", "x-cp1252",
  ]],
]) {
  for (const label of labels) mapSet(LABELS, label, name);
}
/** What windows-1252 has in place of the controls from 0x80 on. */
const WINDOWS = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

/** Bytes to text. Throws RangeError for an encoding it does not know; `decode` throws TypeError when `fatal` is set. */
export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  /** Bytes of a character whose end has not come. */
  #rest = NONE;
  #begun = false;
  #streaming = false;

  constructor(label = "utf-8", options = undefined) {
    const found = mapGet(LABELS, lower(exec(/^[\t\n\f\r ]*([^]*?)[\t\n\f\r ]*$/, `${label}`)[1]));
    if (found === undefined) {
      throw new RangeError(`no such encoding here: ${slice(`${label}`, 0, 40)}; there are utf-8, utf-16le, utf-16be and windows-1252`);
    }
    this.#encoding = found;
    this.#fatal = !!options?.fatal;
    this.#ignoreBOM = !!options?.ignoreBOM;
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = undefined, options = undefined) {
    const given = input === undefined ? NONE : bytesOf(input);
    if (given === null) throw new TypeError("decode takes an ArrayBuffer or a view of one");
    if (!this.#streaming) {
      this.#rest = NONE;
      this.#begun = false;
    }
    const streaming = (this.#streaming = !!options?.stream);
    if (this.#encoding === "utf-8" && !streaming && !this.#begun && byteLength(this.#rest) === 0) {
      return utf8Decode(given, this.#fatal, this.#ignoreBOM);
    }
    if (this.#encoding === "windows-1252") return decodeWindows(given);
    let bytes = given;
    if (byteLength(this.#rest) > 0) {
      bytes = new Bytes(byteLength(this.#rest) + byteLength(given));
      setBytes(bytes, this.#rest);
      setBytes(bytes, given, byteLength(this.#rest));
    }
    return this.#encoding === "utf-8" ? this.#utf8(bytes) : this.#utf16(bytes);
  }

  #utf8(bytes) {
    const keep = this.#streaming ? unfinished(bytes) : 0;
    const end = byteLength(bytes) - keep;
    this.#rest = keep === 0 ? NONE : new Bytes(subarray(bytes, end));
    const ignore = this.#ignoreBOM || this.#begun;
    if (end > 0) this.#begun = true;
    return utf8Decode(subarray(bytes, 0, end), this.#fatal, ignore);
  }

  #utf16(bytes) {
    const high = this.#encoding === "utf-16be" ? 0 : 1;
    const length = byteLength(bytes);
    const whole = length - (length % 2);
    let text = "";
    let at = 0;
    let kept = length - whole;
    while (at < whole) {
      const unit = bytes[at + high] * 256 + bytes[at + 1 - high];
      const lead = unit >= 0xd800 && unit < 0xdc00;
      if (lead && at + 2 >= whole) {
        if (this.#streaming) kept += 2;
        else text += this.#wrong();
        break;
      }
      const next = lead ? bytes[at + 2 + high] * 256 + bytes[at + 3 - high] : 0;
      at += 2;
      if (lead && next >= 0xdc00 && next < 0xe000) {
        text += fromCharCode(unit, next);
        at += 2;
      } else if (unit >= 0xd800 && unit < 0xe000) text += this.#wrong();
      else text += fromCharCode(unit);
    }
    if (!this.#streaming && length > whole && !(at < whole)) text += this.#wrong();
    this.#rest = this.#streaming && kept > 0 ? new Bytes(subarray(bytes, length - kept)) : NONE;
    if (text === "" || this.#begun || this.#ignoreBOM) {
      this.#begun ||= text !== "";
      return text;
    }
    this.#begun = true;
    return charCode(text, 0) === 0xfeff ? slice(text, 1) : text;
  }

  #wrong() {
    if (!this.#fatal) return "\ufffd";
    this.#rest = NONE;
    this.#streaming = false;
    throw new TypeError(`the bytes are not ${this.#encoding}`);
  }
}

/** How many bytes at the end may begin a character that goes on. */
function unfinished(bytes) {
  const length = byteLength(bytes);
  for (let back = 1; back <= 3 && back <= length; back += 1) {
    const byte = bytes[length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf5 || byte < 0xc2 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (size <= back) return 0;
    if (back === 1) return 1;
    const second = bytes[length - back + 1];
    const low = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    const high = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high ? back : 0;
  }
  return 0;
}

function decodeWindows(bytes) {
  const length = byteLength(bytes);
  let text = "";
  for (let from = 0; from < length; from += PIECE) {
    let piece = "";
    const to = from + PIECE < length ? from + PIECE : length;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at];
      piece += byte >= 0x80 && byte < 0xa0 ? WINDOWS[byte - 0x80] : fromCharCode(byte);
    }
    text += piece;
  }
  return text;
}

shown(TextEncoder.prototype, ["encoding", "encode", "encodeInto"], "TextEncoder");
shown(TextDecoder.prototype, ["encoding", "fatal", "ignoreBOM", "decode"], "TextDecoder");
