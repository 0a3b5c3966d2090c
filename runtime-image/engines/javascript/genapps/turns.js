// SPDX-License-Identifier: Apache-2.0
// Turns in the forms that the host takes (docs/contracts: turn and the compact form).

import { isAscii } from "genapps:native";
import { find, isArray, join, jsonStringify, slice, wellFormed } from "./web/primordials.js";

/**
 * An object of ours as the host takes it: its JSON has no half characters, and JavaScript's has them as escapes. What
 * an app has put into `Object.prototype` is not a part of it.
 */
function told(object) {
  return withoutHalves(jsonStringify({ __proto__: null, ...object }));
}

function list(values) {
  let text = "";
  for (let i = 0; i < values.length; i++) text += `${i ? "," : ""}${jsonStringify(values[i])}`;
  return withoutHalves(`[${text}]`);
}

function withoutHalves(text) {
  if (find(text, "\\ud") < 0) return text;
  let whole = "";
  let from = 0;
  for (let at = find(text, "\\"); at >= 0; at = find(text, "\\", at)) {
    if (text[at + 1] === "u" && text[at + 2] === "d") {
      whole += `${slice(text, from, at)}\ufffd`;
      from = at += 6;
    } else {
      at += 2;
    }
  }
  return whole + slice(text, from);
}

/** The turn of an action that waits: for new calls, or what else comes first. `woken` are other actions. */
export function waiting(wanted, outstanding, cancelled, woken) {
  if (wanted.length === 1 && outstanding === 1 && cancelled.length === 0 && woken.length === 0) {
    const call = wanted[0];
    if (call.kind === "get") return `get\0${call.id}\0${call.payload.key}`;
    if (call.kind === "sql") return `sql\0${call.id}\0${parametersOf(call.payload)}\0${call.payload.text}`;
  }
  let calls = "";
  for (let i = 0; i < wanted.length; i++) {
    const { id, kind, payload } = wanted[i];
    const described =
      kind === "sql" ? `{"text":${withoutHalves(jsonStringify(payload.text))},"parameters":${parametersOf(payload)}}` : told(payload);
    calls += `${i ? "," : ""}{"id":${id},"${kind}":${described}}`;
  }
  return `{"wait":{"calls":[${calls}],"cancel":[${join(cancelled, ",")}],"wake":[${join(woken, ",")}]}}`;
}

const parametersOf = ({ parameters }) => (isArray(parameters) ? list(parameters) : told(parameters));

/** A piece of the body that is not the last one. */
export const emit = (piece) => `{"emit":${told(piece)}}`;

/** The last turn of an action whose answer has left piece by piece. */
export const end = (writes) => `{"end":{"writes":${pairs(writes)}}}`;

/** The last turn of an action, with the last piece of its body. `headers` is the JSON text of a list of pairs. */
export function done(status, headers, piece, writes) {
  const written = writes === null ? "" : pairs(writes);
  if (piece.text !== undefined && isAscii(piece.text)) return `${status}\0${headers}\0${written}\0${piece.text}`;
  const body = piece.text === undefined ? told(piece) : `{"text":${jsonStringify(wellFormed(piece.text))}}`;
  return `{"done":{"response":{"status":${status},"headers":${headers},"body":${body}},"writes":${written || "[]"}}}`;
}

/** What was written as the JSON text of a list of pairs. */
export function pairs(writes) {
  if (writes === null) return "[]";
  let text = "";
  for (const key in writes) {
    const value = writes[key];
    text += `${text === "" ? "" : ","}[${jsonStringify(key)},${value === null ? "null" : jsonStringify(value)}]`;
  }
  return `[${text}]`;
}

/** The last turn of an action that has no answer. */
export const failed = (code, detail, trace) => `{"failed":${told({ code, detail, trace })}}`;
