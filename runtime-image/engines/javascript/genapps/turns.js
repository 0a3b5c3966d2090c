// SPDX-License-Identifier: Apache-2.0
// Turns in the forms that the host takes (docs/contracts: turn and the compact form).

import { isAscii } from "genapps:native";
import { jsonStringify, wellFormed } from "./web/primordials.js";

/** The turn of an action that waits: for new calls, or what else comes first. `woken` are other actions. */
export function waiting(wanted, outstanding, cancelled, woken) {
  if (wanted.length === 1 && outstanding === 1 && cancelled.length === 0 && woken.length === 0) {
    const call = wanted[0];
    if (call.kind === "get") return `get\0${call.id}\0${call.payload.key}`;
    if (call.kind === "sql") return `sql\0${call.id}\0${jsonStringify(call.payload.parameters)}\0${call.payload.text}`;
  }
  let calls = "";
  for (let i = 0; i < wanted.length; i++) {
    const { id, kind, payload } = wanted[i];
    calls += `${i ? "," : ""}{"id":${id},"${kind}":${jsonStringify(payload)}}`;
  }
  return `{"wait":{"calls":[${calls}],"cancel":${jsonStringify(cancelled)},"wake":${jsonStringify(woken)}}}`;
}

/** A piece of the body that is not the last one. */
export const emit = (piece) => `{"emit":${jsonStringify(piece)}}`;

/** The last turn of an action whose answer has left piece by piece. */
export const end = (writes) => `{"end":{"writes":${pairs(writes)}}}`;

/** The last turn of an action, with the last piece of its body. `headers` is the JSON text of a list of pairs. */
export function done(status, headers, piece, writes) {
  const written = writes === null ? "" : pairs(writes);
  if (piece.text !== undefined && isAscii(piece.text)) return `${status}\0${headers}\0${written}\0${piece.text}`;
  const body = piece.text === undefined ? jsonStringify(piece) : `{"text":${jsonStringify(wellFormed(piece.text))}}`;
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
export const failed = (code, detail, trace) => jsonStringify({ failed: { code, detail, trace } });
