// SPDX-License-Identifier: Apache-2.0
/** `structuredClone`: a deep copy of what is data. */

import { blobBytes, blobOf, fileOf, isBlob, isFile } from "./blob.js";
import { inspect } from "./inspect.js";
import {
  VIEWS, bufferOf, byteLength, bytesOf, construct, copyBytes, defineProperty, getOwnPropertyDescriptor, isArray, isBuffer,
  isDetached, isView, keys, mapEach, mapGet, mapHas, mapSet, mapSize, setAdd, setEach, slice, transferBuffer, uncurry,
  viewKind,
} from "./primordials.js";

const { Boolean, DOMException, DataView, Date, Error, Map, Number, Object, RegExp, Set, String } = globalThis;
const ERRORS = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const timeOf = uncurry(Date.prototype.getTime);
const source = uncurry(getOwnPropertyDescriptor(RegExp.prototype, "source").get);
const flags = uncurry(getOwnPropertyDescriptor(RegExp.prototype, "flags").get);
const BOXES = [
  [uncurry(Boolean.prototype.valueOf), Boolean], [uncurry(Number.prototype.valueOf), Number],
  [uncurry(String.prototype.valueOf), String], [uncurry(BigInt.prototype.valueOf), Object],
];

function refused(value) {
  return new DOMException(`this cannot be cloned: ${slice(inspect(value), 0, 100)}`, "DataCloneError");
}

/** What `get` says of the value, or undefined where it is of another kind. */
function asked(get, value) {
  try {
    return get(value);
  } catch {
    return undefined;
  }
}

/**
 * A copy, in which what was shared is shared too. Throws a DataCloneError for functions, symbols, and objects of classes
 * that are no data, and the engine's RangeError where the stack ends.
 * @param {unknown} value
 * @param {{ transfer?: Iterable<ArrayBuffer> }} [options] buffers that move into the copy
 */
export function structuredClone(value, options = undefined) {
  if (arguments.length < 1) throw new TypeError("structuredClone takes a value");
  const moved = options?.transfer === undefined ? [] : [...options.transfer];
  for (let at = 0; at < moved.length; at += 1) {
    if (isView(moved[at]) || asked(isDetached, moved[at]) !== false) throw new DOMException("only buffers are transferred, once", "DataCloneError");
    for (let before = 0; before < at; before += 1) if (moved[before] === moved[at]) throw new DOMException("a buffer is transferred twice", "DataCloneError");
  }
  const known = new Map();
  // Once without moving, so that nothing is moved when something cannot be cloned.
  if (moved.length > 0) copy(value, new Map());
  for (let at = 0; at < moved.length; at += 1) mapSet(known, moved[at], transferBuffer(moved[at]));
  return copy(value, known);
}

function copy(value, known) {
  if (typeof value === "function" || typeof value === "symbol") throw refused(value);
  if (typeof value !== "object" || value === null) return value;
  if (mapHas(known, value)) return mapGet(known, value);
  const made = plainCopy(value, known);
  if (made !== undefined) {
    mapSet(known, value, made);
    return made;
  }
  if (isArray(value)) {
    const list = new Array(value.length);
    mapSet(known, value, list);
    return members(value, list, known);
  }
  if (asked(mapSize, value) !== undefined) return copyMap(value, known);
  if (asked(setSize, value) !== undefined) return copySet(value, known);
  if (Error.isError(value)) return copyError(value, known);
  if (!isPlain(value)) throw refused(value);
  const object = {};
  mapSet(known, value, object);
  return members(value, object, known);
}

const setSize = uncurry(getOwnPropertyDescriptor(Set.prototype, "size").get);
const toStringOf = uncurry(Object.prototype.toString);

/** An object of the app's own classes is data as well, as in browsers; one of ours, a promise or a proxy is not. */
function isPlain(value) {
  const text = toStringOf(value);
  return text === "[object Object]" || text === "[object Arguments]";
}

function plainCopy(value, known) {
  for (let at = 0; at < BOXES.length; at += 1) {
    const inner = asked(BOXES[at][0], value);
    if (inner !== undefined) return at === 3 ? Object(inner) : construct(BOXES[at][1], [inner]);
  }
  const time = asked(timeOf, value);
  if (time !== undefined) return new Date(time);
  if (value instanceof RegExp && asked(source, value) !== undefined) return new RegExp(source(value), flags(value));
  if (isBlob(value)) return isFile(value) ? fileOf(value, value.name) : blobOf(blobBytes(value), value.type);
  if (isView(value)) return copyView(value, known);
  if (isBuffer(value)) {
    if (asked(isDetached, value) !== false) throw refused(value);
    return bufferOf(copyBytes(bytesOf(value)));
  }
  return undefined;
}

function copyView(value, known) {
  const { buffer, byteOffset } = value;
  const made = copy(buffer, known);
  const kind = viewKind(value);
  if (kind === undefined) return new DataView(made, byteOffset, value.byteLength);
  return construct(VIEWS[kind], [made, byteOffset, byteLength(value) / VIEWS[kind].BYTES_PER_ELEMENT]);
}

function copyMap(value, known) {
  const made = new Map();
  mapSet(known, value, made);
  const pairs = [];
  mapEach(value, (item, key) => {
    pairs[pairs.length] = [key, item];
  });
  for (let at = 0; at < pairs.length; at += 1) {
    mapSet(made, copy(pairs[at][0], known), copy(pairs[at][1], known));
  }
  return made;
}

function copySet(value, known) {
  const made = new Set();
  mapSet(known, value, made);
  const items = [];
  setEach(value, (item) => {
    items[items.length] = item;
  });
  for (let at = 0; at < items.length; at += 1) setAdd(made, copy(items[at], known));
  return made;
}

function copyError(value, known) {
  const name = `${value.name ?? "Error"}`;
  const own = getOwnPropertyDescriptor(value, "message")?.value;
  const kind = ERRORS[name] ?? Error;
  const made = own === undefined ? new kind() : new kind(`${own}`);
  mapSet(known, value, made);
  const hidden = (key, given) => defineProperty(made, key, { value: given, writable: true, configurable: true });
  const { stack } = value;
  if (typeof stack === "string") hidden("stack", stack);
  const cause = getOwnPropertyDescriptor(value, "cause");
  if (cause !== undefined && "value" in cause) hidden("cause", copy(cause.value, known));
  return made;
}

function members(value, target, known) {
  const names = keys(value);
  for (let at = 0; at < names.length; at += 1) {
    const described = getOwnPropertyDescriptor(value, names[at]);
    if (described === undefined || !described.enumerable) continue;
    defineProperty(target, names[at], {
      value: copy(value[names[at]], known), writable: true, enumerable: true, configurable: true,
    });
  }
  return target;
}
