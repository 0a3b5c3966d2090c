// SPDX-License-Identifier: Apache-2.0
/**
 * What our modules use of the language's built-ins, taken before an app runs.
 *
 * An app may change `String.prototype`, `JSON` or `Promise.prototype.then` as it likes. These keep working, so that
 * what the engine makes of a request and of an answer does not change with it.
 */

const { call } = Function.prototype;
/** `uncurry(method)(self, ...rest)` is `self.method(...rest)`. */
export const uncurry = Function.prototype.bind.bind(call);

export const { defineProperty, defineProperties, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf, keys, freeze, isFrozen } = Object;
export const { ownKeys, apply, construct } = Reflect;
export const { parse: jsonParse, stringify: jsonStringify } = JSON;
export const { isArray } = Array;
export const { fromCharCode, fromCodePoint } = String;
export const { floor, min, max, trunc } = Math;
export const { isInteger, parseInt: toInteger } = Number;
export const isView = ArrayBuffer.isView;

export const isEnumerable = uncurry(Object.prototype.propertyIsEnumerable);

export const charCode = uncurry(String.prototype.charCodeAt);
export const codePoint = uncurry(String.prototype.codePointAt);
export const find = uncurry(String.prototype.indexOf);
export const findLast = uncurry(String.prototype.lastIndexOf);
export const slice = uncurry(String.prototype.slice);
export const lower = uncurry(String.prototype.toLowerCase);
export const upper = uncurry(String.prototype.toUpperCase);
export const startsWith = uncurry(String.prototype.startsWith);
export const endsWith = uncurry(String.prototype.endsWith);
export const wellFormed = uncurry(String.prototype.toWellFormed);
export const normalize = uncurry(String.prototype.normalize);
export const repeat = uncurry(String.prototype.repeat);
export const padStart = uncurry(String.prototype.padStart);
export const numberText = uncurry(Number.prototype.toString);

// QuickJS makes a template literal by calling this method, in our modules as in the app's: it stays as it is.
Object.defineProperty(String.prototype, "concat", { writable: false, configurable: false });

/** `exec(pattern, text)`: unlike `test` and `replace` it looks nothing up that an app could have changed. */
export const exec = uncurry(RegExp.prototype.exec);

export const join = uncurry(Array.prototype.join);
export const sliceList = uncurry(Array.prototype.slice);
export const sortList = uncurry(Array.prototype.sort);
export const splice = uncurry(Array.prototype.splice);
export const shift = uncurry(Array.prototype.shift);
export const includes = uncurry(Array.prototype.includes);

export const mapGet = uncurry(Map.prototype.get);
export const mapSet = uncurry(Map.prototype.set);
export const mapHas = uncurry(Map.prototype.has);
export const mapDelete = uncurry(Map.prototype.delete);
export const mapEach = uncurry(Map.prototype.forEach);
export const mapSize = uncurry(getOwnPropertyDescriptor(Map.prototype, "size").get);
export const setAdd = uncurry(Set.prototype.add);
export const setDelete = uncurry(Set.prototype.delete);
export const setHas = uncurry(Set.prototype.has);
export const setEach = uncurry(Set.prototype.forEach);
export const weakGet = uncurry(WeakMap.prototype.get);
export const weakSet = uncurry(WeakMap.prototype.set);
export const deref = uncurry(WeakRef.prototype.deref);

export const then = uncurry(Promise.prototype.then);
export const resolved = Promise.resolve.bind(Promise);
export const rejected = Promise.reject.bind(Promise);
export const pending = Promise.withResolvers.bind(Promise);

const TypedArray = getPrototypeOf(Uint8Array);
const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);
export const viewKind = getter(TypedArray.prototype, Symbol.toStringTag);
export const byteLength = getter(TypedArray.prototype, "byteLength");
const viewBuffer = getter(TypedArray.prototype, "buffer");
const viewOffset = getter(TypedArray.prototype, "byteOffset");
const dataBuffer = getter(DataView.prototype, "buffer");
const dataOffset = getter(DataView.prototype, "byteOffset");
const dataLength = getter(DataView.prototype, "byteLength");
const bufferLength = getter(ArrayBuffer.prototype, "byteLength");
const sharedLength = getter(SharedArrayBuffer.prototype, "byteLength");
/** The same memory in another buffer; the one that had it is detached. Throws TypeError for memory that is shared. */
export const transferBuffer = uncurry(ArrayBuffer.prototype.transfer);
/** Throws TypeError for memory that is shared. */
export const isDetached = getter(ArrayBuffer.prototype, "detached");
/** Classes of views by their kind. */
export const VIEWS = {
  __proto__: null, BigInt64Array, BigUint64Array, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
  Uint8Array, Uint8ClampedArray, Uint16Array, Uint32Array,
};
export const setBytes = uncurry(TypedArray.prototype.set);
const { Uint8Array: Bytes } = globalThis;

/** A part of a Uint8Array on the same memory, from a place that it has. An app cannot choose its class, as by the method. */
export function subarray(bytes, from, to = Infinity) {
  return new Bytes(viewBuffer(bytes), viewOffset(bytes) + from, max(0, min(to, byteLength(bytes)) - from));
}

/**
 * The bytes of an ArrayBuffer or a view as a Uint8Array that shares its memory; null for anything else.
 * @param {unknown} value
 * @returns {Uint8Array | null}
 */
export function bytesOf(value) {
  if (isView(value)) {
    return viewKind(value) === undefined
      ? new Bytes(dataBuffer(value), dataOffset(value), dataLength(value))
      : new Bytes(viewBuffer(value), viewOffset(value), byteLength(value));
  }
  return isBuffer(value) ? new Bytes(value) : null;
}

/** Whether a value is an ArrayBuffer or a SharedArrayBuffer, of whatever prototype. */
export function isBuffer(value) {
  if (typeof value !== "object" || value === null) return false;
  try {
    bufferLength(value);
    return true;
  } catch {
    try {
      sharedLength(value);
      return true;
    } catch {
      return false;
    }
  }
}

/** The same bytes in memory of their own. */
export function copyBytes(bytes) {
  const copy = new Bytes(byteLength(bytes));
  setBytes(copy, bytes);
  return copy;
}

/** The buffer of a Uint8Array, and where in it the array begins. */
export const bufferOf = viewBuffer;
export const offsetOf = viewOffset;
export { bufferLength };
