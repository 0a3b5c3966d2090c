// SPDX-License-Identifier: Apache-2.0
// The files of an app as modules: paths in the bundle, and nothing else.

import { exec, find, jsonStringify, slice, startsWith } from "./web/primordials.js";

const CODE = [".js", ".mjs"];

let code = { __proto__: null };
let data = { __proto__: null };

/** The files of a load message: code as texts, other files as `{text}` or `{base64}`. */
export function keep(message) {
  code = { __proto__: null, ...message.files };
  data = { __proto__: null, ...message.data };
}

export const isCode = (path) => path in code;

const PLACE = /([^\s():]+):(\d+)(?::\d+)?\)?$/;

/** The frames of a stack, a line each. */
export function framesIn(stack) {
  const frames = [];
  for (let at = 0; at < stack.length; ) {
    const found = find(stack, "\n", at);
    const end = found < 0 ? stack.length : found;
    if (end > at) frames[frames.length] = slice(stack, at, end);
    at = end + 1;
  }
  return frames;
}

/** The first place in the app's code that a stack names, or null. */
export function placeOf(stack) {
  const frames = framesIn(stack);
  for (let i = 0; i < frames.length; i++) {
    const place = exec(PLACE, frames[i]);
    if (place !== null && isCode(place[1])) return { file: place[1], line: +place[2] };
  }
  return null;
}

/** An import that leads nowhere. */
class ModuleNotAvailable extends Error {
  constructor(message, file, line) {
    super(message);
    this.file = file;
    this.line = line;
  }
}

export const isNotAvailable = (error) => error instanceof ModuleNotAvailable;

/** The path that `specifier` means in the file `base`. Throws ModuleNotAvailable. */
export function resolve(base, specifier) {
  if (!startsWith(specifier, "./") && !startsWith(specifier, "../") && !startsWith(specifier, "/")) {
    const advice = `put it into one file with your code: esbuild --bundle --format=esm`;
    throw refusal(base, specifier, `the module ${jsonStringify(specifier)} is not available; ${advice}`);
  }
  const parts = startsWith(specifier, "/") ? [] : base.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (parts.length === 0) throw refusal(base, specifier, `${jsonStringify(specifier)} leads out of the bundle`);
      parts.pop();
    } else if (part !== "" && part !== ".") {
      parts.push(part);
    }
  }
  const path = parts.join("/");
  if (path in code || path in data) return path;
  const hint = CODE.map((suffix) => path + suffix).find((other) => other in code);
  const advice = hint === undefined ? "" : `; write the whole name, ${hint.split("/").pop()}`;
  throw refusal(base, specifier, `the bundle has no file ${jsonStringify(path)}${advice}`);
}

/** The source of a module. Texts, JSON and bytes are the default export of theirs; `.bin` is bytes, whatever it holds. */
export function source(path) {
  if (path in code) return path.endsWith(".json") ? json(code[path], path) : code[path];
  const { text, base64 } = data[path];
  if (base64 !== undefined) {
    return `export default Uint8Array.from(atob(${jsonStringify(base64)}), (one) => one.charCodeAt(0)).buffer`;
  }
  if (path.endsWith(".bin")) return `export default new TextEncoder().encode(${jsonStringify(text)}).buffer`;
  return path.endsWith(".json") ? json(text, path) : `export default ${jsonStringify(text)}`;
}

function json(text, path) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`${path} is not JSON: ${error.message}`);
  }
  return `export default JSON.parse(${jsonStringify(text)})`;
}

function refusal(base, specifier, message) {
  return new ModuleNotAvailable(message, base, lineOf(code[base] ?? "", specifier));
}

/** The line of the import, counted from 1; 0 when it is not found. */
function lineOf(text, specifier) {
  for (const quote of ['"', "'", "`"]) {
    const at = text.indexOf(quote + specifier + quote);
    if (at >= 0) return slice(text, 0, at).split("\n").length;
  }
  return 0;
}
