// SPDX-License-Identifier: Apache-2.0
/** Values as text for a log, within bounds: an app logs what a caller sent. */

import {
  bytesOf, byteLength, exec, getOwnPropertyDescriptor, getPrototypeOf, includes, isArray, jsonStringify, mapEach, ownKeys,
  setEach, slice, viewKind,
} from "./primordials.js";

const DEPTH = 4;
const MEMBERS = 100;
const CHARACTERS = 4000;
const dateText = Function.prototype.call.bind(Date.prototype.toISOString);
const isMap = branded(Map.prototype, "size");
const isSet = branded(Set.prototype, "size");

function branded(prototype, name) {
  const get = Function.prototype.call.bind(getOwnPropertyDescriptor(prototype, name).get);
  return (value) => {
    try {
      get(value);
      return true;
    } catch {
      return false;
    }
  };
}

/**
 * A value in one line, much as consoles show it. At most four levels deep, and about 4000 characters.
 * @param {unknown} value
 * @returns {string}
 */
export function inspect(value) {
  try {
    return slice(shownAs(value, [], { left: CHARACTERS }), 0, CHARACTERS);
  } catch {
    return "[a value that cannot be shown]"; // a proxy, or a getter of the app, that throws
  }
}

function shownAs(value, above, room) {
  const kind = typeof value;
  if (kind === "string") return above.length === 0 ? value : quoted(value, room);
  if (kind === "function") return `[Function: ${getOwnPropertyDescriptor(value, "name")?.value || "anonymous"}]`;
  if (kind === "bigint") return `${value}n`;
  if (kind === "symbol") return `Symbol(${value.description ?? ""})`;
  if (kind !== "object" || value === null) return Object.is(value, -0) ? "-0" : `${value}`;
  if (includes(above, value)) return "[Circular]";
  return objectText(value, above, room);
}

function quoted(text, room) {
  const shown = slice(text, 0, room.left > 0 ? room.left : 0);
  room.left -= shown.length;
  return jsonStringify(shown);
}

function objectText(value, above, room) {
  if (value instanceof Error) {
    const { stack } = value;
    const head = `${value.name}: ${value.message}`;
    const text = stack ? `${head}\n${stack}` : head;
    return value.cause === undefined || above.length >= DEPTH ? text : `${text}\n[cause]: ${shownAs(value.cause, [...above, value], room)}`;
  }
  if (value instanceof Date) {
    try {
      return dateText(value);
    } catch {
      return "Invalid Date";
    }
  }
  if (value instanceof RegExp) return `/${value.source}/${value.flags}`;
  const bytes = bytesOf(value);
  if (bytes !== null) return `${viewKind(value) ?? "ArrayBuffer"}(${byteLength(bytes)} bytes)`;
  const name = nameOf(value);
  if (above.length >= DEPTH) return isArray(value) ? "[Array]" : `[${name || "Object"}]`;
  const inner = [...above, value];
  if (isArray(value)) return listed(value, inner, room);
  if (isMap(value)) return `Map(${value.size}) ${entriesText(mapEach, value, inner, room, true)}`;
  if (isSet(value)) return `Set(${value.size}) ${entriesText(setEach, value, inner, room, false)}`;
  return membersText(value, name, inner, room);
}

function nameOf(value) {
  const prototype = getPrototypeOf(value);
  if (prototype === null) return "[no prototype]";
  const maker = getOwnPropertyDescriptor(prototype, "constructor")?.value;
  const name = typeof maker === "function" ? getOwnPropertyDescriptor(maker, "name")?.value : undefined;
  return typeof name === "string" && name !== "Object" ? name : "";
}

function listed(list, above, room) {
  let text = "";
  for (let at = 0; at < list.length; at += 1) {
    if (at >= MEMBERS || room.left <= 0) return `[${text}, ... ${list.length - at} more]`;
    text += `${at === 0 ? "" : ", "}${shownAs(list[at], above, room)}`;
    room.left -= 2;
  }
  return `[${text}]`;
}

function entriesText(each, value, above, room, pairs) {
  let text = "";
  let count = 0;
  each(value, (item, key) => {
    count += 1;
    if (count > MEMBERS || room.left <= 0) return;
    text += `${text === "" ? "" : ","} ${pairs ? `${shownAs(key, above, room)} => ` : ""}${shownAs(item, above, room)}`;
    room.left -= 2;
  });
  return text === "" ? "{}" : `{${text}${count > MEMBERS ? ", ..." : ""} }`;
}

function membersText(value, name, above, room) {
  const names = ownKeys(value);
  let text = "";
  for (let at = 0; at < names.length; at += 1) {
    const described = getOwnPropertyDescriptor(value, names[at]);
    if (described === undefined || !described.enumerable) continue;
    if (at >= MEMBERS || room.left <= 0) {
      text += ", ...";
      break;
    }
    const key = typeof names[at] === "symbol" ? `[${shownAs(names[at], above, room)}]`
      : exec(/^[A-Za-z_$][\w$]*$/, names[at]) === null ? quoted(names[at], room) : names[at];
    const shown = described.get || described.set ? "[Getter]" : shownAs(described.value, above, room);
    text += `${text === "" ? "" : ","} ${key}: ${shown}`;
    room.left -= key.length + 2;
  }
  const before = name === "" ? "" : `${name} `;
  return text === "" ? `${before}{}` : `${before}{${text} }`;
}
