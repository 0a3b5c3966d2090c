// SPDX-License-Identifier: Apache-2.0
// Turns in the forms that the host takes (docs/contracts: turn and the compact form).
//
// Objects are written member by member: JSON.stringify would ask the app's Object.prototype.toJSON what they are.

import { isAscii } from "genapps:native";
import { jsonStringify, wellFormed } from "./web/primordials.js";

/** The turn of an action that waits: for new calls, or what else comes first. `woken` are other actions. */
export function waiting(wanted, outstanding, cancelled, woken) {
  if (wanted.length === 1 && outstanding === 1 && cancelled.length === 0 && woken.length === 0) {
    const call = wanted[0];
    if (call.kind === "timer") return `timer\0${call.id}\0${call.payload.millis}`;
    if (call.kind === "get") return `get\0${call.id}\0${call.payload.key}`;
    if (call.kind === "sql") return `sql\0${call.id}\0${call.payload.parameters}\0${call.payload.text}`;
  }
  let calls = "";
  for (let i = 0; i < wanted.length; i++) {
    const { id, kind, payload } = wanted[i];
    calls += `${i ? "," : ""}{"id":${id},"${kind}":${payloadText(kind, payload)}}`;
  }
  return `{"wait":{"calls":[${calls}],"cancel":${numbers(cancelled)},"wake":${numbers(woken)}}}`;
}

/** What a call says, as in turn.schema.json. `arguments`, `parameters`, `headers` and `writes` are JSON already. */
function payloadText(kind, payload) {
  switch (kind) {
    case "get":
      return `{"key":${jsonStringify(payload.key)}}`;
    case "list": {
      const after = payload.after === "" ? "" : `,"after":${jsonStringify(payload.after)}`;
      return `{"prefix":${jsonStringify(payload.prefix)},"limit":${payload.limit}${after}}`;
    }
    case "sql":
      return `{"text":${jsonStringify(payload.text)},"parameters":${payload.parameters}}`;
    case "tool": {
      const { connector, tool, stream } = payload;
      const named = `"connector":${jsonStringify(connector)},"tool":${jsonStringify(wellFormed(tool))}`;
      return `{${named},"arguments":${payload.arguments}${stream ? ',"stream":true' : ""}}`;
    }
    case "timer":
      return `{"millis":${payload.millis}}`;
    case "body":
      return `{"chunk":${payload.chunk}}`;
    case "stream":
      return `{"status":${payload.status},"headers":${payload.headers},"writes":${payload.writes}}`;
    case "send":
      return pieceText(payload);
    default: // next and leave
      return `{"call":${payload.call}}`;
  }
}

function numbers(list) {
  let text = "";
  for (let i = 0; i < list.length; i++) text += `${i ? "," : ""}${list[i]}`;
  return `[${text}]`;
}

const pieceText = ({ text, base64 }) =>
  text === undefined ? `{"base64":"${base64}"}` : `{"text":${jsonStringify(wellFormed(text))}}`;

/** A piece of the body that is not the last one. */
export const emit = (piece) => `{"emit":${pieceText(piece)}}`;

/** The last turn of an action whose answer has left piece by piece. */
export const end = (writes) => `{"end":{"writes":${pairs(writes)}}}`;

/** The last turn of an action, with the last piece of its body. `headers` is the JSON text of a list of pairs. */
export function done(status, headers, piece, writes) {
  const written = writes === null ? "" : pairs(writes);
  if (piece.text !== undefined && isAscii(piece.text)) return `${status}\0${headers}\0${written}\0${piece.text}`;
  const response = `{"status":${status},"headers":${headers},"body":${pieceText(piece)}}`;
  return `{"done":{"response":${response},"writes":${written || "[]"}}}`;
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
export const failed = (code, detail = "", trace = "") =>
  `{"failed":{"code":"${code}","detail":${jsonStringify(wellFormed(detail))},"trace":${jsonStringify(wellFormed(trace))}}}`;
