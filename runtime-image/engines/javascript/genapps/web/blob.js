// SPDX-License-Identifier: Apache-2.0
/** `Blob` and `File`: bytes that do not change, with a media type. */

import { nowMillis, utf8Decode, utf8Encode } from "genapps:native";

import { endBytes, enqueueBytes } from "./byte_controller.js";
import { shown } from "./iterators.js";
import { asciiLower } from "./percent.js";
import {
  bufferOf, byteLength, bytesOf, copyBytes, exec, max, min, setBytes, subarray, trunc, wellFormed,
} from "./primordials.js";
import { promised } from "./promises.js";
import { makeByteStream } from "./readable_stream.js";

const { Uint8Array: Bytes } = globalThis;
const NONE = new Bytes(0);
const PIECE = 65_536;

/** The parts as bytes, or as texts: their ends of lines are not known before the options have been asked. */
function taken(parts) {
  const pieces = [];
  for (const part of parts) {
    const given = isBlob(part) ? blobBytes(part) : bytesOf(part);
    // What a part holds may change while a later one is made a text.
    pieces[pieces.length] = given !== null ? copyBytes(given) : wellFormed(`${part}`);
  }
  return pieces;
}

function joined(pieces, native) {
  let size = 0;
  for (let at = 0; at < pieces.length; at += 1) {
    const piece = pieces[at];
    if (typeof piece === "string") pieces[at] = utf8Encode(native ? lines(piece) : piece);
    size += byteLength(pieces[at]);
  }
  if (pieces.length === 1) return pieces[0];
  const bytes = new Bytes(size);
  for (let at = 0, to = 0; at < pieces.length; to += byteLength(pieces[at]), at += 1) setBytes(bytes, pieces[at], to);
  return bytes;
}

function lines(text) {
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== "\r") result += text[at];
    else if (text[at + 1] !== "\n") result += "\n";
  }
  return result;
}

function typeOf(given) {
  const type = `${given}`;
  return exec(/[^ -~]/, type) === null ? asciiLower(type) : "";
}

/** One of bytes that nobody else changes. @type {(bytes: Uint8Array, type: string) => Blob} */
export let blobOf;
/** @type {(value: unknown) => boolean} */
export let isBlob;
/** Not to be given to an app, which could change them. @type {(blob: Blob) => Uint8Array} */
export let blobBytes;
let become;
/** @type {(value: unknown) => boolean} */
export let isFile;
/** The same bytes under a name. @type {(blob: Blob, name: string) => File} */
export let fileOf;

/** Bytes, made of texts, bytes and other blobs. Throws TypeError for parts that are not a list. */
export class Blob {
  /** @type {Uint8Array} */
  #bytes = NONE;
  #type = "";

  constructor(parts = undefined, options = undefined) {
    if (options !== undefined && options !== null && typeof options !== "object" && typeof options !== "function") {
      throw new TypeError("a blob's options are an object");
    }
    if (parts === null || (parts !== undefined && typeof parts !== "object" && typeof parts !== "function")) {
      throw new TypeError("a blob is made of a list of parts");
    }
    const pieces = parts === undefined ? [] : taken(parts);
    const endings = `${options?.endings ?? "transparent"}`;
    if (endings !== "transparent" && endings !== "native") throw new TypeError("endings is transparent or native");
    const type = options?.type;
    if (pieces.length > 0) this.#bytes = joined(pieces, endings === "native");
    if (type !== undefined) this.#type = typeOf(type);
  }

  get size() {
    return byteLength(this.#bytes);
  }

  get type() {
    return this.#type;
  }

  slice(start = 0, end = undefined, type = "") {
    const size = byteLength(this.#bytes);
    const place = (given) => {
      const at = trunc(+given) || 0;
      return at < 0 ? max(size + at, 0) : min(at, size);
    };
    const from = place(start);
    const to = end === undefined ? size : place(end);
    return blobOf(subarray(this.#bytes, from, max(from, to)), typeOf(type));
  }

  text() {
    return promised(async () => utf8Decode(this.#bytes, false, false));
  }

  arrayBuffer() {
    return promised(async () => bufferOf(copyBytes(this.#bytes)));
  }

  bytes() {
    return promised(async () => copyBytes(this.#bytes));
  }

  stream() {
    return streamOfBytes(this.#bytes);
  }

  static {
    blobOf = (bytes, type) => {
      const blob = new Blob();
      blob.#bytes = bytes;
      blob.#type = type;
      return blob;
    };
    isBlob = (value) => typeof value === "object" && value !== null && #bytes in value;
    blobBytes = (blob) => blob.#bytes;
    become = (blob, other) => {
      blob.#bytes = other.#bytes;
      blob.#type = other.#type;
    };
  }
}

/** A blob with a name. Throws TypeError without a name. */
export class File extends Blob {
  #name;
  #modified;

  constructor(parts, name, options = undefined) {
    if (arguments.length < 2) throw new TypeError("a file is made of parts and a name");
    super(parts, options);
    this.#name = wellFormed(`${name}`);
    const modified = options?.lastModified;
    this.#modified = modified === undefined ? nowMillis() : trunc(+modified) || 0;
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#modified;
  }

  static {
    isFile = (value) => typeof value === "object" && value !== null && #name in value;
    fileOf = (blob, name) => {
      const file = new File([], name, isFile(blob) ? { lastModified: blob.#modified } : undefined);
      become(file, blob);
      return file;
    };
  }
}

/** A stream of copies of the bytes, 64 KiB at a time. */
export function streamOfBytes(bytes) {
  let next = 0;
  const pull = async (controller) => {
    if (next < byteLength(bytes)) enqueueBytes(controller, copyBytes(subarray(bytes, next, next + PIECE)));
    next += PIECE;
    if (next >= byteLength(bytes)) endBytes(controller);
  };
  return makeByteStream(pull);
}

shown(Blob.prototype, ["size", "type", "slice", "text", "arrayBuffer", "bytes", "stream"], "Blob");
shown(File.prototype, ["name", "lastModified"], "File");
