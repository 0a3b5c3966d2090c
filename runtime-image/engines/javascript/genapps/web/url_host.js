// SPDX-License-Identifier: Apache-2.0
/**
 * Hosts of the URL standard: domains, IPv4 and IPv6 addresses, and those of schemes that the standard does not know.
 *
 * Domains beyond ASCII are lower-cased, normalised (NFKC) and written in Punycode. The tables of UTS #46 would be as
 * large as the rest of these modules: characters that only they refuse are taken.
 */

import { CONTROL, asciiLower, percentDecode, percentEncode } from "./percent.js";
import {
  charCode, codePoint, endsWith, exec, find, floor, fromCharCode, fromCodePoint, lower, normalize, numberText, slice,
  startsWith, toInteger,
} from "./primordials.js";

const FORBIDDEN_IN_HOST = /[\0\t\n\r #/:<>?@[\\\]^|]/;
const FORBIDDEN_IN_DOMAIN = /[\0-\x20#%/:<>?@[\\\]^|\x7f]/;
/** Controls, surrogates, private characters and those that Unicode has not given away, or that are marks at the start. */
const NO_LABEL = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\ufffd]|^\p{M}/u;
const ASCII = /^[\0-\x7f]*$/;
const SIMPLE = /^[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)*$/;
const LAST_IS_NUMBER = /(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$/;

/**
 * A host as it is written in a URL, or null when it is none.
 * @param {string} text
 * @param {boolean} special whether the scheme is one of http, https, ws, wss, ftp and file
 * @returns {string | null}
 */
export function parseHost(text, special) {
  if (special && exec(SIMPLE, text) !== null && find(text, "xn--") < 0) return text;
  if (startsWith(text, "[")) {
    const address = endsWith(text, "]") ? parseIpv6(slice(text, 1, -1)) : null;
    return address === null ? null : `[${serializeIpv6(address)}]`;
  }
  if (!special) return exec(FORBIDDEN_IN_HOST, text) === null ? percentEncode(text, CONTROL) : null;
  const domain = toAscii(percentDecode(text));
  if (domain === null || domain === "" || exec(FORBIDDEN_IN_DOMAIN, domain) !== null) return null;
  return exec(LAST_IS_NUMBER, domain) === null ? domain : parseIpv4(domain);
}

function toAscii(domain) {
  if (exec(ASCII, domain) !== null && find(asciiLower(domain), "xn--") < 0) return asciiLower(domain);
  // U+00AD and others that UTS #46 ignores; U+3002 is a dot for it.
  const mapped = normalize(lowered(normalize(without(domain), "NFKC")), "NFC");
  let ascii = "";
  let from = 0;
  for (let at = 0; at <= mapped.length; at += 1) {
    const code = at < mapped.length ? charCode(mapped, at) : 46;
    if (code !== 46 && code !== 0x3002) continue;
    const label = labelToAscii(slice(mapped, from, at));
    if (label === null) return null;
    ascii += at < mapped.length ? `${label}.` : label;
    from = at + 1;
  }
  return ascii;
}

function without(domain) {
  const ignored = /[\u00ad\u034f\u180b-\u180d\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff\u{e0100}-\u{e01ef}]/u;
  if (exec(ignored, domain) === null) return domain;
  let rest = "";
  for (let at = 0; at < domain.length; ) {
    const character = fromCodePoint(codePoint(domain, at));
    if (exec(ignored, character) === null) rest += character;
    at += character.length;
  }
  return rest;
}

/** Each character on its own: in a text, the last sigma of a word would become another one. */
function lowered(text) {
  if (find(text, "\u03a3") < 0) return lower(text);
  let made = "";
  for (let at = 0; at < text.length; at += 1) made += text[at] === "\u03a3" ? "\u03c3" : text[at];
  return lower(made);
}

function labelToAscii(label) {
  if (startsWith(label, "xn--")) {
    const decoded = fromPunycode(slice(label, 4));
    const good = decoded !== null && exec(ASCII, decoded) === null && exec(NO_LABEL, decoded) === null;
    return good && normalize(lower(decoded), "NFKC") === decoded && `xn--${toPunycode(decoded)}` === label ? label : null;
  }
  if (exec(ASCII, label) !== null) return label;
  if (exec(NO_LABEL, label) !== null) return null;
  const encoded = toPunycode(label);
  return encoded === null ? null : `xn--${encoded}`;
}

const LABEL_CHARACTERS = 256;
/** RFC 3492 is quadratic in a label's length, and no label of the domain name system is longer than 63. */

function adapt(delta, size, first) {
  let rest = first ? floor(delta / 700) : delta >> 1;
  rest += floor(rest / size);
  let k = 0;
  for (; rest > 455; k += 36) rest = floor(rest / 35);
  return k + floor((36 * rest) / (rest + 38));
}

function threshold(k, bias) {
  return k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
}

function toPunycode(label) {
  const points = [];
  let text = "";
  for (let at = 0; at < label.length; ) {
    const point = codePoint(label, at);
    points[points.length] = point;
    if (point < 128) text += label[at];
    at += point > 0xffff ? 2 : 1;
  }
  if (points.length > LABEL_CHARACTERS) return null;
  const basic = text.length;
  let done = basic;
  if (basic > 0) text += "-";
  for (let n = 128, delta = 0, bias = 72; done < points.length; delta += 1, n += 1) {
    let next = 0x110000;
    for (let at = 0; at < points.length; at += 1) if (points[at] >= n && points[at] < next) next = points[at];
    delta += (next - n) * (done + 1);
    n = next;
    for (let at = 0; at < points.length; at += 1) {
      if (points[at] < n) delta += 1;
      if (points[at] !== n) continue;
      let q = delta;
      for (let k = 36; ; k += 36) {
        const t = threshold(k, bias);
        if (q < t) break;
        text += digit(t + ((q - t) % (36 - t)));
        q = floor((q - t) / (36 - t));
      }
      text += digit(q);
      bias = adapt(delta, done + 1, done === basic);
      delta = 0;
      done += 1;
    }
  }
  return text;
}

function digit(value) {
  return fromCharCode(value < 26 ? value + 97 : value + 22);
}

function fromPunycode(text) {
  if (text.length > LABEL_CHARACTERS) return null;
  const points = [];
  let from = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (text[at] !== "-") continue;
    for (let basic = 0; basic < at; basic += 1) points[basic] = charCode(text, basic);
    from = at + 1;
    break;
  }
  for (let n = 128, i = 0, bias = 72; from < text.length; i += 1) {
    const before = i;
    for (let w = 1, k = 36; ; k += 36) {
      if (from >= text.length) return null;
      const code = charCode(text, from);
      const value = code >= 97 && code <= 122 ? code - 97 : code >= 48 && code <= 57 ? code - 22 : -1;
      if (value < 0) return null;
      from += 1;
      i += value * w;
      if (i > 0x7fffffff) return null;
      const t = threshold(k, bias);
      if (value < t) break;
      w *= 36 - t;
      if (w > 0x7fffffff) return null;
    }
    const size = points.length + 1;
    bias = adapt(i - before, size, before === 0);
    n += floor(i / size);
    i %= size;
    if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) return null;
    for (let at = points.length; at > i; at -= 1) points[at] = points[at - 1];
    points[i] = n;
  }
  let label = "";
  for (let at = 0; at < points.length; at += 1) label += fromCodePoint(points[at]);
  return label;
}

function parseIpv4(text) {
  const numbers = [];
  const end = endsWith(text, ".") ? text.length - 1 : text.length;
  for (let from = 0; from <= end; ) {
    let to = find(text, ".", from);
    if (to < 0 || to > end) to = end;
    const part = slice(text, from, to);
    const value =
      exec(/^0[xX][0-9a-fA-F]*$/, part) !== null ? (part.length === 2 ? 0 : toInteger(slice(part, 2), 16))
      : exec(/^0[0-7]+$/, part) !== null ? toInteger(part, 8)
      : exec(/^(?:0|[1-9][0-9]*)$/, part) !== null ? toInteger(part, 10)
      : -1;
    if (value < 0 || numbers.length === 4) return null;
    numbers[numbers.length] = value;
    from = to + 1;
  }
  const last = numbers.length - 1;
  let address = numbers[last];
  if (address >= 256 ** (5 - numbers.length)) return null;
  for (let at = 0; at < last; at += 1) {
    if (numbers[at] > 255) return null;
    address += numbers[at] * 256 ** (3 - at);
  }
  return `${floor(address / 0x1000000)}.${floor(address / 0x10000) % 256}.${floor(address / 256) % 256}.${address % 256}`;
}

function parseIpv6(text) {
  const pieces = [0, 0, 0, 0, 0, 0, 0, 0];
  let index = 0;
  let compress = -1;
  let at = 0;
  if (text[0] === ":") {
    if (text[1] !== ":") return null;
    at = 2;
    index = compress = 1;
  }
  while (at < text.length) {
    if (index === 8) return null;
    if (text[at] === ":") {
      if (compress >= 0) return null;
      at += 1;
      index += 1;
      compress = index;
      continue;
    }
    const hex = exec(/^[0-9a-fA-F]{0,4}/, slice(text, at, at + 4))[0];
    if (text[at + hex.length] === ".") {
      const quad = exec(/^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$/, slice(text, at));
      if (quad === null || index > 6) return null;
      for (let part = 1; part <= 4; part += 1) if (+quad[part] > 255) return null;
      pieces[index] = quad[1] * 256 + +quad[2];
      pieces[index + 1] = quad[3] * 256 + +quad[4];
      index += 2;
      break;
    }
    at += hex.length;
    if (text[at] === ":") {
      at += 1;
      if (at === text.length) return null;
    } else if (at < text.length) return null;
    pieces[index] = hex === "" ? 0 : toInteger(hex, 16);
    index += 1;
  }
  if (compress >= 0) {
    for (let swaps = index - compress, to = 7; to !== 0 && swaps > 0; to -= 1, swaps -= 1) {
      const from = compress + swaps - 1;
      const moved = pieces[to];
      pieces[to] = pieces[from];
      pieces[from] = moved;
    }
  } else if (index !== 8) return null;
  return pieces;
}

function serializeIpv6(pieces) {
  let longest = -1;
  let size = 1;
  for (let at = 0; at < 8; at += 1) {
    let end = at;
    while (end < 8 && pieces[end] === 0) end += 1;
    if (end - at > size) {
      longest = at;
      size = end - at;
    }
    if (end > at) at = end - 1;
  }
  let text = "";
  for (let at = 0; at < 8; at += 1) {
    if (at === longest) {
      text += at === 0 ? "::" : ":";
      at += size - 1;
    } else {
      text += numberText(pieces[at], 16);
      if (at < 7) text += ":";
    }
  }
  return text;
}
