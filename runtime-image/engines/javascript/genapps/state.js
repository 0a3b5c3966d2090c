// SPDX-License-Identifier: Apache-2.0
// `env.STATE`: keys and JSON values, and tables of SQL, that survive restarts.
//
// Reads see a snapshot and the action's own writes. The writes of an action are applied together when it succeeds, and
// not at all when it fails.

import { base64Decode, base64Encode, utf8Size } from "genapps:native";
import { SqlError } from "./errors.js";
import { startsWith, isArray, keys, jsonParse, jsonStringify, wellFormed } from "./web/primordials.js";

const KEY_BYTES = 512;
const VALUE_BYTES = 256 * 1024;
const ACTION_BYTES = 1024 * 1024;
const MOST_LISTED = 1000;
const MOST_ASKED = 2000; // what the host gives at once
const { isView } = ArrayBuffer;
const Bytes = Uint8Array;
const Buffer = ArrayBuffer;

/** What `list` gives: values by key, in order. `cursor` is for the call that goes on, null when there are no more. */
export class Listing extends Map {
  cursor = null;
}

/** What `sql` gives: objects by the names of the columns. */
export class Rows extends Array {
  /** The names of the columns. */
  columns = [];
  /** Rows that were changed, -1 for a statement that only reads. */
  changes = -1;
  /** The rowid of the row that was inserted last, or null. */
  lastRowId = null;
}

export class State {
  #action;

  constructor(action) {
    this.#action = action;
  }

  /** The value under `key`, or null. */
  async get(key) {
    checkKey(key);
    const { writes } = this.#action;
    const text = writes !== null && key in writes ? writes[key] : await this.#action.call("get", { key });
    return text === null || text === undefined ? null : jsonParse(text);
  }

  /** Store anything that JSON can express, at most 256 KiB. */
  async put(key, value) {
    const text = jsonStringify(value);
    if (text === undefined) throw new TypeError(`state.put: JSON cannot express a value of type ${typeof value}`);
    const size = utf8Size(text);
    if (size > VALUE_BYTES) {
      throw new RangeError(`a value of state may have at most ${VALUE_BYTES} bytes as JSON; this one has ${size}`);
    }
    this.#write(checkKey(key), text);
  }

  /** Remove `key`. A key that does not exist is no error. */
  async delete(key) {
    this.#write(checkKey(key), null);
  }

  /**
   * The first keys that begin with `prefix`, sorted, with their values: `{prefix, limit, cursor}`, all optional. `limit`
   * is 100 without one, and at most 1000; `cursor` is that of the listing before.
   */
  async list(options = {}) {
    const { prefix = "", limit = 100, cursor = null } = options;
    if (typeof limit !== "number" || limit % 1 !== 0) throw new TypeError("the limit of a listing is a whole number");
    if (limit > MOST_LISTED) throw new RangeError(`a listing of state has at most ${MOST_LISTED} entries, not ${limit}`);
    if (!(limit > 0)) return new Listing();
    const after = cursor === null ? "" : checkText(cursor, "a cursor");
    checkText(prefix, "a prefix");
    const own = [];
    const { writes } = this.#action;
    for (const key in writes) if (startsWith(key, prefix) && compare(key, after) > 0) own[own.length] = key;
    const asked = Math.min(limit + 1 + own.length, MOST_ASKED);
    const payload = { prefix, limit: asked };
    if (after !== "") payload.after = after;
    return listing(await this.#action.call("list", payload), own, writes, limit, asked);
  }

  /**
   * Run one statement of SQL, with `?` for the parameters in their order, or `:name` with an object of them.
   *
   * It is part of the request's transaction. Rejects with SqlError.
   */
  async sql(text, ...parameters) {
    if (typeof text !== "string") throw new TypeError("state.sql: the statement must be a string");
    try {
      return rowsOf(jsonParse(await this.#action.call("sql", { text, parameters: sqlParameters(parameters) })));
    } catch (error) {
      if (typeof error?.code === "string" && startsWith(error.code, "Sql")) throw new SqlError(error.code, error.detail);
      throw error;
    }
  }

  #write(key, text) {
    const action = this.#action;
    if (action.ended) throw new Error("the request has ended: nothing more can be written for it");
    action.written += key.length + (text === null ? 0 : text.length);
    if (action.written > ACTION_BYTES) {
      throw new RangeError(`a request may write at most ${ACTION_BYTES} bytes of state`);
    }
    action.writes ??= { __proto__: null };
    action.writes[key] = text;
  }
}

function listing(answer, own, writes, limit, asked) {
  const found = { __proto__: null };
  let last = null;
  let count = 0;
  for (const key in answer) {
    found[key] = answer[key];
    if (last === null || compare(key, last) > 0) last = key;
    count++;
  }
  if (count < asked) last = null; // else what follows it is not known
  for (let i = 0; i < own.length; i++) found[own[i]] = writes[own[i]];
  const names = keys(found);
  const kept = [];
  for (let i = 0; i < names.length; i++) {
    const key = names[i];
    if (found[key] !== null && (last === null || compare(key, last) <= 0)) kept[kept.length] = key;
  }
  sort(kept);
  const page = new Listing();
  for (let i = 0; i < kept.length && i < limit; i++) set(page, kept[i], jsonParse(found[kept[i]]));
  if (kept.length > limit) page.cursor = kept[limit - 1];
  else page.cursor = last;
  return page;
}

const { set: setOfMap } = Map.prototype;
const { sort: sortOfArray } = Array.prototype;
const set = (map, key, value) => Reflect.apply(setOfMap, map, [key, value]);
const sort = (texts) => Reflect.apply(sortOfArray, texts, [compare]);

/** The order of SQLite, which is that of UTF-8 and so of code points; JavaScript's own is that of UTF-16. */
function compare(one, other) {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i++) {
    let a = one.charCodeAt(i);
    let b = other.charCodeAt(i);
    if (a !== b) {
      if (a >= 0xd800 && b >= 0xd800) {
        a = a >= 0xe000 ? a - 0x800 : a + 0x2000;
        b = b >= 0xe000 ? b - 0x800 : b + 0x2000;
      }
      return a - b;
    }
  }
  return one.length - other.length;
}

function checkText(text, what) {
  if (typeof text !== "string" || wellFormed(text) !== text) {
    throw new TypeError(`${what} of state must be a string without half a character (a lone surrogate)`);
  }
  return text;
}

function checkKey(key) {
  checkText(key, "a key");
  if (key.length === 0 || utf8Size(key) > KEY_BYTES) {
    throw new RangeError(`a key of state must be a string of 1 to ${KEY_BYTES} bytes`);
  }
  return key;
}

function sqlParameters(given) {
  if (given.length === 1 && isNamed(given[0])) {
    const named = { __proto__: null };
    for (const name in given[0]) named[name] = sqlParameter(given[0][name]);
    return named;
  }
  const list = [];
  for (let i = 0; i < given.length; i++) list[i] = sqlParameter(given[i]);
  return list;
}

function isNamed(value) {
  return typeof value === "object" && value !== null && !isArray(value) && !isView(value) && !(value instanceof Buffer);
}

function sqlParameter(value) {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case "boolean":
      return value ? 1 : 0;
    case "string":
      return value;
    case "number":
      if (value === value && value !== Infinity && value !== -Infinity) return value;
      throw new TypeError(`SQL has no ${value}`);
    case "bigint":
      if (Number.isSafeInteger(Number(value))) return Number(value);
      throw new RangeError("a parameter of SQL must be within 2^53");
    default:
      if (isView(value)) return { base64: base64Encode(new Bytes(value.buffer, value.byteOffset, value.byteLength)) };
      if (value instanceof Buffer) return { base64: base64Encode(new Bytes(value)) };
      throw new TypeError("a parameter of SQL must be a text, a number, a boolean, null, or bytes");
  }
}

function rowsOf([columns, values, changes, lastRowId]) {
  const rows = new Rows();
  rows.columns = columns;
  rows.changes = changes;
  rows.lastRowId = lastRowId;
  for (let i = 0; i < values.length; i++) {
    const row = {};
    for (let j = 0; j < columns.length; j++) row[columns[j]] = valueOf(values[i][j]);
    rows[i] = row;
  }
  return rows;
}

const FLOATS = { __proto__: null, inf: Infinity, "-inf": -Infinity, nan: NaN };

function valueOf(value) {
  if (typeof value !== "object" || value === null) return value;
  return value.base64 !== undefined ? base64Decode(value.base64) : FLOATS[value.float];
}
