// SPDX-License-Identifier: Apache-2.0
// `env.STATE`: keys and JSON values, and tables of SQL, that survive restarts.
//
// Reads see a snapshot and the action's own writes. The writes of an action are applied together when it succeeds, and
// not at all when it fails.

import { base64Decode, base64Encode, utf8Size } from "genapps:native";
import { SqlError } from "./errors.js";
import { denseJson } from "./dense_json.js";
import { bytesOf, charCode, defineProperty, find, isArray, jsonParse, jsonStringify, keys, mapSet, min, sortList, startsWith, wellFormed } from "./web/primordials.js";

const KEY_BYTES = 512;
const VALUE_BYTES = 256 * 1024;
const ACTION_BYTES = 1024 * 1024;
const MOST_LISTED = 1000;
const MOST_ASKED = 2000; // what the host gives at once
const MOST_EXACT = 9007199254740992; // 2 to the 53rd

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
    const text = denseJson(value);
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
    const asked = min(limit + 1 + own.length, MOST_ASKED);
    return listing(await this.#action.call("list", { prefix, limit: asked, after }), own, writes, limit, asked);
  }

  /**
   * Run one statement of SQL, with `?` for the parameters in their order, or `:name` with an object of them.
   *
   * It is part of the request's transaction. Rejects with SqlError.
   */
  async sql(text, ...parameters) {
    if (typeof text !== "string") throw new TypeError("state.sql: the statement must be a string");
    try {
      return rowsOf(jsonParse(await this.#action.call("sql", { text: wellFormed(text), parameters: sqlParameters(parameters) })));
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
  const stored = keys(answer);
  for (let i = 0; i < stored.length; i++) {
    const key = stored[i];
    found[key] = answer[key];
    if (last === null || compare(key, last) > 0) last = key;
  }
  if (stored.length < asked) last = null; // else what follows it is not known
  for (let i = 0; i < own.length; i++) found[own[i]] = writes[own[i]];
  const names = keys(found);
  const kept = [];
  for (let i = 0; i < names.length; i++) {
    const key = names[i];
    if (found[key] !== null && (last === null || compare(key, last) <= 0)) kept[kept.length] = key;
  }
  sortList(kept, compare);
  const page = new Listing();
  for (let i = 0; i < kept.length && i < limit; i++) mapSet(page, kept[i], jsonParse(found[kept[i]]));
  if (kept.length > limit) page.cursor = kept[limit - 1];
  else page.cursor = last;
  return page;
}

/** The order of SQLite, which is that of UTF-8 and so of code points; JavaScript's own is that of UTF-16. */
function compare(one, other) {
  const length = min(one.length, other.length);
  for (let i = 0; i < length; i++) {
    let a = charCode(one, i);
    let b = charCode(other, i);
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

/** As JSON. One object has values by name, one list all values. */
function sqlParameters(given) {
  const values = given.length === 1 && isArray(given[0]) ? given[0] : given;
  let text = "";
  if (values.length === 1 && isNamed(values[0])) {
    const named = values[0];
    const names = keys(named);
    for (let i = 0; i < names.length; i++) {
      text += `${i ? "," : ""}${jsonStringify(wellFormed(names[i]))}:${sqlParameter(named[names[i]])}`;
    }
    return `{${text}}`;
  }
  for (let i = 0; i < values.length; i++) text += `${i ? "," : ""}${sqlParameter(values[i])}`;
  return `[${text}]`;
}

const isNamed = (value) => typeof value === "object" && value !== null && !isArray(value) && bytesOf(value) === null;

/** As JSON. */
function sqlParameter(value) {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "boolean":
      return value ? "1" : "0";
    case "string":
      return jsonStringify(wellFormed(value));
    case "number":
      return sqlNumber(value);
    case "bigint":
      if (value <= MOST_EXACT && value >= -MOST_EXACT) return `${value}`;
      throw new RangeError("a parameter of SQL must be within 2^53");
    default: {
      const bytes = bytesOf(value);
      if (bytes !== null) return `{"base64":"${base64Encode(bytes)}"}`;
      throw new TypeError("a parameter of SQL must be a text, a number, a boolean, null, or bytes");
    }
  }
}

/** A whole number beyond 2^53 is not what it was: to SQL it is one with a fraction, which has no bounds of 64 bits. */
function sqlNumber(value) {
  if (value !== value || value === Infinity || value === -Infinity) throw new TypeError(`SQL has no ${value}`);
  const text = `${value}`;
  return (value > MOST_EXACT || value < -MOST_EXACT) && find(text, "e") < 0 ? `${text}.0` : text;
}

function rowsOf(result) {
  const rows = new Rows();
  const columns = result[0];
  const values = result[1];
  rows.columns = columns;
  rows.changes = result[2];
  rows.lastRowId = result[3];
  for (let i = 0; i < values.length; i++) {
    const row = {};
    for (let j = 0; j < columns.length; j++) {
      const value = valueOf(values[i][j]);
      if (columns[j] !== "__proto__") row[columns[j]] = value;
      else defineProperty(row, columns[j], { value, writable: true, enumerable: true, configurable: true });
    }
    rows[i] = row;
  }
  return rows;
}

const FLOATS = { __proto__: null, inf: Infinity, "-inf": -Infinity, nan: NaN };

function valueOf(value) {
  if (typeof value !== "object" || value === null) return value;
  return value.base64 !== undefined ? base64Decode(value.base64) : FLOATS[value.float];
}
