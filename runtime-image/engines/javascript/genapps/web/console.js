// SPDX-License-Identifier: Apache-2.0
/** `console`: what an app prints becomes records of its log. */

import { log, nowMillis } from "genapps:native";

import { current } from "../action.js";

import { inspect } from "./inspect.js";
import {
  charCode, defineProperty, jsonStringify, mapDelete, mapGet, mapHas, mapSet, repeat, slice, trunc, wellFormed,
} from "./primordials.js";

const RECORD_CHARACTERS = 2000;
const FIELD_CHARACTERS = 200;
const LABELS = 100;
/** How many counters and clocks there are at most; an app that makes them without end fills its own memory otherwise. */
const DEEPEST = 20;

/**
 * Write a record: the host adds it to the action's log line. It drops what is over the action's share.
 * @param {"debug" | "info" | "warning" | "error"} level
 * @param {string} message its first 2000 characters are kept
 * @param {Record<string, string>} [fields] the first 200 characters of each
 */
export function writeRecord(level, message, fields = undefined) {
  const action = current();
  if (action !== null && action.logLeft <= 0) return; // the host would drop it; not asking is cheaper
  let text = `{"level":"${level}","message":${quoted(message, RECORD_CHARACTERS)}`;
  if (fields !== undefined) {
    let all = "";
    for (const name in fields) {
      all += `${all === "" ? "" : ","}${quoted(name, FIELD_CHARACTERS)}:${quoted(fields[name], FIELD_CHARACTERS)}`;
    }
    if (all !== "") text += `,"fields":{${all}}`;
  }
  text += "}";
  if (action !== null) action.logLeft -= text.length;
  log(text);
}

function quoted(value, most) {
  return jsonStringify(wellFormed(slice(`${value}`, 0, most)));
}

/** Texts as they are, other values as they are looked at, with the %-forms of the console standard. */
function formatted(values) {
  let text = "";
  let next = 0;
  if (typeof values[0] === "string" && values.length > 1) {
    next = 1;
    const form = values[0];
    for (let at = 0; at < form.length; at += 1) {
      const kind = form[at] === "%" ? form[at + 1] : undefined;
      if (kind === "%") text += "%";
      else if (kind !== undefined && next < values.length && isForm(kind)) {
        text += substituted(kind, values[next]);
        next += 1;
      } else {
        text += form[at];
        continue;
      }
      at += 1;
    }
  }
  for (; next < values.length && text.length < RECORD_CHARACTERS; next += 1) {
    if (next > 0) text += " ";
    text += typeof values[next] === "string" ? slice(values[next], 0, RECORD_CHARACTERS) : inspect(values[next]);
  }
  return text;
}

function isForm(kind) {
  const code = charCode(kind, 0);
  return code === 115 || code === 100 || code === 105 || code === 102 || code === 111 || code === 79 || code === 99 || code === 106;
}

function substituted(kind, value) {
  if (kind === "c") return "";
  if (kind === "s") return typeof value === "string" ? value : inspect(value);
  if (kind === "o" || kind === "O" || kind === "j") return inspect(value);
  if (typeof value === "symbol" || typeof value === "bigint") return typeof value === "symbol" ? "NaN" : `${value}n`;
  return `${kind === "f" ? parseFloat(value) : trunc(parseFloat(value))}`;
}

const { parseFloat } = Number;
const counters = new Map();
const clocks = new Map();
let indent = "";

function print(level, values) {
  if (values.length > 0) writeRecord(level, indent + formatted(values));
}

function remember(map, label, value) {
  if (mapHas(map, label) || map.size < LABELS) mapSet(map, label, value);
}

function elapsed(label) {
  const since = mapGet(clocks, label);
  return since === undefined ? null : `${label}: ${nowMillis() - since} ms`;
}

/** The global object of that name. */
export const console = {
  log(...values) {
    print("info", values);
  },
  info(...values) {
    print("info", values);
  },
  debug(...values) {
    print("debug", values);
  },
  warn(...values) {
    print("warning", values);
  },
  error(...values) {
    print("error", values);
  },
  trace(...values) {
    const { stack } = new Error();
    writeRecord("debug", `${indent}Trace${values.length > 0 ? `: ${formatted(values)}` : ""}\n${stack}`);
  },
  assert(condition = false, ...values) {
    if (!condition) writeRecord("error", `${indent}Assertion failed${values.length > 0 ? `: ${formatted(values)}` : ""}`);
  },
  dir(value = undefined) {
    print("info", [value]);
  },
  dirxml(...values) {
    print("info", values);
  },
  table(...values) {
    print("info", values);
  },
  count(label = "default") {
    const name = `${label}`;
    const count = (mapGet(counters, name) ?? 0) + 1;
    remember(counters, name, count);
    writeRecord("info", `${indent}${name}: ${count}`);
  },
  countReset(label = "default") {
    mapDelete(counters, `${label}`);
  },
  time(label = "default") {
    const name = `${label}`;
    if (!mapHas(clocks, name)) remember(clocks, name, nowMillis());
  },
  timeLog(label = "default", ...values) {
    const time = elapsed(`${label}`);
    if (time !== null) writeRecord("info", `${indent}${time}${values.length > 0 ? ` ${formatted(values)}` : ""}`);
  },
  timeEnd(label = "default") {
    const time = elapsed(`${label}`);
    mapDelete(clocks, `${label}`);
    if (time !== null) writeRecord("info", indent + time);
  },
  group(...values) {
    print("info", values);
    if (indent.length < 2 * DEEPEST) indent += repeat(" ", 2);
  },
  groupCollapsed(...values) {
    console.group(...values);
  },
  groupEnd() {
    indent = slice(indent, 2);
  },
};
defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
