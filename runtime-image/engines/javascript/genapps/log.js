// SPDX-License-Identifier: Apache-2.0
// `env.LOG`: messages with named values. `console` is in web/console.js.

import { writeRecord } from "./web/console.js";
import { freeze, jsonStringify } from "./web/primordials.js";

/** One record; `fields` are named values. Nothing when the action has logged enough. */
export function record(level, message, fields) {
  let named;
  if (typeof fields === "object" && fields !== null) {
    named = { __proto__: null };
    for (const name in fields) named[name] = textOf(fields[name]);
  }
  writeRecord(level, `${message}`, named);
}

function textOf(value) {
  return typeof value === "string" ? value : (jsonStringify(value) ?? `${value}`);
}

export const LOG = {
  debug: (message, fields) => record("debug", message, fields),
  info: (message, fields) => record("info", message, fields),
  warning: (message, fields) => record("warning", message, fields),
  warn: (message, fields) => record("warning", message, fields),
  error: (message, fields) => record("error", message, fields),
};
freeze(LOG);
