// SPDX-License-Identifier: Apache-2.0
// What the platform throws into apps, and what an uncaught error means to the caller.

import { BodyTooLongError } from "./web/incoming_body.js";
import { weakGet, weakSet } from "./web/primordials.js";

/**
 * A tool call was refused or failed. `code` and `class` (violation, defect or limit) come from the gateway, `detail` is
 * a sentence, `retryAfter` is in seconds or null. A refusal by a budget has `bucket`, `unit`, `spent` and `limit` too.
 */
export class ToolError extends Error {
  // As fields: else a setter of the app's Object.prototype would get them.
  code;
  class;
  detail;
  retryAfter;

  constructor(problem) {
    super(`${problem.code ?? "CallFailed"}: ${problem.detail ?? problem.title ?? ""}`);
    this.code = problem.code ?? "CallFailed";
    this.class = problem.class ?? "limit";
    this.detail = problem.detail ?? problem.title ?? "";
    this.retryAfter = problem.retryAfter ?? null;
    for (const name of ["bucket", "unit", "spent", "limit"]) {
      if (problem[name] !== undefined) this[name] = problem[name];
    }
  }
}

/** A statement was refused or failed, and has changed nothing. `code` begins with Sql, `detail` is a sentence. */
export class SqlError extends Error {
  code;
  detail;

  constructor(code, detail) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
  }
}

for (const kind of [ToolError, SqlError]) {
  Object.defineProperty(kind.prototype, "name", { value: kind.name, configurable: true, writable: true });
}

const codes = new WeakMap();
const { InternalError } = globalThis;

/** Let an error end the request with this code of a `failed` turn when the app does not catch it; returns the error. */
export function ending(error, code) {
  weakSet(codes, error, code);
  return error;
}

/** The code of a `failed` turn for what an app has thrown: anything. */
export function codeOf(error) {
  if (typeof error !== "object" || error === null) return "AppFailed";
  if (error instanceof ToolError) return "ToolFailed";
  if (error instanceof InternalError && error.message === "out of memory") return "MemoryExceeded";
  if (error instanceof BodyTooLongError) return "RequestTooLarge";
  return weakGet(codes, error) ?? "AppFailed";
}
