// SPDX-License-Identifier: Apache-2.0
/** Forms with files, as HTTP carries them (multipart/form-data, RFC 7578, in the way of browsers). */

import { random, utf8Decode, utf8Encode } from "genapps:native";

import { File, blobBytes, isBlob } from "./blob.js";
import {
  byteLength, copyBytes, exec, find, fromCharCode, lower, numberText, padStart, setBytes, slice, subarray,
} from "./primordials.js";

const { Uint8Array: Bytes } = globalThis;
const FIELDS = 1000;
/** Each costs the guest memory, whatever its length. */
const PARAMETER = /;[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))/y;

/** A line that no form holds but by chance of 1 in 2^96. */
export function newBoundary() {
  const bytes = random(12);
  let text = "----genapps";
  for (let at = 0; at < 12; at += 1) text += padStart(numberText(bytes[at], 16), 2, "0");
  return text;
}

/**
 * @param {(string | File)[]} fields name and value in turn
 * @param {string} boundary
 * @returns {Uint8Array}
 */
export function writeMultipart(fields, boundary) {
  const parts = [];
  let size = 0;
  const add = (bytes) => {
    parts[parts.length] = bytes;
    size += byteLength(bytes);
  };
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1];
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(crlf(fields[at]))}"`;
    if (isBlob(value)) {
      head += `; filename="${quoted(value.name)}"\r\nContent-Type: ${value.type || "application/octet-stream"}`;
      add(utf8Encode(`${head}\r\n\r\n`));
      add(blobBytes(value));
    } else add(utf8Encode(`${head}\r\n\r\n${crlf(value)}`));
    add(utf8Encode("\r\n"));
  }
  add(utf8Encode(`--${boundary}--\r\n`));
  const bytes = new Bytes(size);
  for (let at = 0, to = 0; at < parts.length; to += byteLength(parts[at]), at += 1) setBytes(bytes, parts[at], to);
  return bytes;
}

function quoted(text) {
  if (exec(/[\r\n"]/, text) === null) return text;
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    result += character === "\r" ? "%0D" : character === "\n" ? "%0A" : character === '"' ? "%22" : character;
  }
  return result;
}

function crlf(text) {
  if (exec(/[\r\n]/, text) === null) return text;
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\r") {
      result += "\r\n";
      if (text[at + 1] === "\n") at += 1;
    } else result += text[at] === "\n" ? "\r\n" : text[at];
  }
  return result;
}

/** A parameter of a header's value, or null. */
export function parameterOf(value, name) {
  PARAMETER.lastIndex = 0;
  const start = find(value, ";");
  if (start < 0) return null;
  PARAMETER.lastIndex = start;
  for (let found = exec(PARAMETER, value); found !== null; found = exec(PARAMETER, value)) {
    const next = PARAMETER.lastIndex;
    if (lower(found[1]) === name) return found[3] ?? unescaped(found[2]);
    PARAMETER.lastIndex = exec(/^[ \t]*/, slice(value, next))[0].length + next;
  }
  return null;
}

function unescaped(text) {
  if (find(text, "\\") < 0) return text;
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\" && at + 1 < text.length) at += 1;
    result += text[at];
  }
  return result;
}

/** The text of a form's name: browsers write line breaks and quotes in it as %XX. */
function named(text) {
  if (find(text, "%") < 0) return text;
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    const code = slice(text, at, at + 3);
    const meant = code === "%0D" ? "\r" : code === "%0A" ? "\n" : code === "%22" ? '"' : null;
    result += meant ?? text[at];
    if (meant !== null) at += 2;
  }
  return result;
}

/**
 * The fields of a body.
 * @param {Uint8Array} bytes
 * @param {string} boundary
 * @returns {(string | File)[]} name and value in turn; throws TypeError when it is malformed or has over 1000 fields
 */
export function readMultipart(bytes, boundary) {
  const latin = latin1(bytes);
  const mark = latin1(utf8Encode(`--${boundary}`));
  const fields = [];
  let at = find(latin, mark);
  if (at !== 0 && slice(latin, at - 2, at) !== "\r\n") throw malformed("its first boundary is missing");
  for (at += mark.length; ; ) {
    if (slice(latin, at, at + 2) === "--") return fields;
    if (slice(latin, at, at + 2) !== "\r\n") throw malformed("a boundary does not end its line");
    const head = slice(latin, at + 2, at + 4) === "\r\n" ? at : find(latin, "\r\n\r\n", at);
    const end = head < 0 ? -1 : find(latin, `\r\n${mark}`, head + 2);
    if (end < 0) throw malformed("its last boundary is missing");
    if (fields.length >= 2 * FIELDS) throw malformed(`it has more than ${FIELDS} fields`);
    addField(fields, utf8Decode(subarray(bytes, at + 2, head + 2), false, false), subarray(bytes, head + 4, end));
    at = end + 2 + mark.length;
  }
}

function addField(fields, head, content) {
  let disposition = null;
  let type = null;
  for (let from = 0; from < head.length; ) {
    const to = find(head, "\r\n", from);
    const line = slice(head, from, to < 0 ? head.length : to);
    const colon = find(line, ":");
    const name = lower(slice(line, 0, colon < 0 ? 0 : colon));
    const value = exec(/^[ \t]*([^]*?)[ \t]*$/, slice(line, colon + 1))[1];
    if (name === "content-disposition") disposition = value;
    if (name === "content-type") type = value;
    from = to < 0 ? head.length : to + 2;
  }
  if (disposition === null || exec(/^form-data\s*;/i, disposition) === null) throw malformed("a part has no name");
  const name = parameterOf(disposition, "name");
  if (name === null) throw malformed("a part has no name");
  const file = parameterOf(disposition, "filename");
  fields[fields.length] = named(name);
  fields[fields.length] = file === null
    ? utf8Decode(content, false, false)
    : new File([copyBytes(content)], named(file), { type: type ?? "text/plain" });
}

function malformed(why) {
  return new TypeError(`the form is malformed: ${why}`);
}

function latin1(bytes) {
  const length = byteLength(bytes);
  let text = "";
  for (let from = 0; from < length; from += 4096) {
    let piece = "";
    for (let at = from; at < length && at < from + 4096; at += 1) piece += fromCharCode(bytes[at]);
    text += piece;
  }
  return text;
}
