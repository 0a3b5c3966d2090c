// SPDX-License-Identifier: Apache-2.0
// The exports of the world in JavaScript (engine.c calls them): the app is loaded, and its requests become turns.
//
// Each step of an action is a call of one of `start`, `request`, `result` and `resume`; then the jobs of promises run;
// then `turn` says what the host has to do. None of them throws.

import { evaluate, isAscii, memoryExhausted, promiseResult, promiseState, runJobs, utf8Size } from "genapps:native";
import { Action, current, enter, running, takeWoken } from "./action.js";
import { apply, setPrototypeOf, slice, startsWith, jsonParse, jsonStringify, resolved } from "./web/primordials.js";
import { close } from "./closed.js";
import { contextOf, envOf, grant } from "./env.js";
import { codeOf } from "./errors.js";
import { record } from "./log.js";
import * as modules from "./modules.js";
import { PIECE_BYTES, piecesOf, sendAll, SENT } from "./sending.js";
import * as turns from "./turns.js";
import { installGlobals } from "./web/globals.js";
import { incomingRequest } from "./web/request.js";
import { isResponse, outgoingResponse, Response } from "./web/response.js";

export { resolve, source } from "./modules.js";

const DETAIL_CHARACTERS = 1000;
const TRACE_CHARACTERS = 2000;
const MOST_REJECTIONS = 20;

let app = null; // the default export
let byFallback = false;
const rejections = [];

installGlobals(globalThis);
close(globalThis);

/** Load the app's files; gives `[whether they load, the routes or what is wrong]`, both as JSON. */
export function load(text) {
  const message = jsonParse(text);
  Action.prototype.logLeft = message.logBytes;
  modules.keep(message);
  grant(message.connectors ?? []);
  try {
    const [namespace, ended] = evaluate(message.entry, modules.source(message.entry));
    runJobs();
    const state = promiseState(ended);
    if (state === 2) throw promiseResult(ended);
    if (state === 0) throw new Error("the code waits at its top level for something that never comes");
    app = handlerIn(namespace);
    return [true, jsonStringify({ routes: ["* /{rest:path}"] })];
  } catch (error) {
    return [false, jsonStringify(placed(error, message.entry))];
  }
}

function handlerIn(namespace) {
  const found = namespace.default;
  if (typeof found?.fetch === "function") return found;
  throw new Error("the app answers no request: write `export default { async fetch(request, env, ctx) { … } }`");
}

/** What went wrong, with the app's file and line. */
function placed(error, entry) {
  if (error instanceof modules.ModuleNotAvailable) {
    return { code: "ModuleNotAvailable", message: error.message, file: error.file, line: error.line };
  }
  const place = /([^\s():]+):(\d+)(?::\d+)?\)?$/m;
  let message = "it threw something that cannot be described";
  let stack = "";
  try {
    message = slice(described(error), 0, 4000);
    stack = `${error?.stack ?? ""}`;
  } catch {
    // the message says so
  }
  let file = entry;
  let line = 0;
  for (const frame of stack.split("\n")) {
    const found = place.exec(frame);
    if (found !== null && modules.isCode(found[1])) {
      [, file] = found;
      line = Number(found[2]);
      break;
    }
  }
  return { code: "CodeRejected", message, file, line };
}

/** An object of the host's, without what an app may have put into the prototype of all. */
const bare = (object) => setPrototypeOf(object, null);

/** A request as JSON. */
export function start(text) {
  const { action, request } = jsonParse(text);
  bare(request).inPieces = request.bodyInPieces === true;
  begin(action, request);
}

/** A request in the compact form: its fields as texts; `body` is undefined when there is none. */
export function request(action, requestId, method, path, query, headers, body) {
  const piece = body === undefined ? undefined : { __proto__: null, text: body };
  begin(+action, { __proto__: null, requestId, method, path, query, headersText: headers, body: piece, bodyChunks: 1 });
}

/** The next request is one for the app's fallback. */
export function fallback() {
  byFallback = true;
}

function begin(number, raw) {
  const action = new Action(number);
  const own = byFallback;
  byFallback = false;
  enter(action);
  running[number] = action;
  raw.action = action;
  try {
    action.answer = own ? ownFallback(action, raw) : handled(action, raw);
  } catch (error) {
    action.answer = new Failure(error);
  }
}

/** The headers of a request of the clock, which has this one only. Callers cannot send it. */
const OF_CLOCK = '{"genapps-schedule":';

function handled(action, raw) {
  if (raw.headersText !== undefined && startsWith(raw.headersText, OF_CLOCK) && typeof app.scheduled === "function") {
    const cron = jsonParse(raw.headersText)["genapps-schedule"];
    const tick = { scheduledTime: Date.now(), cron, noRetry() {} };
    return scheduled(app.scheduled(tick, envOf(action), contextOf(action)));
  }
  return app.fetch(incomingRequest(raw), envOf(action), contextOf(action));
}

async function scheduled(done) {
  await done;
  return new Response(null, { status: 204 });
}

function ownFallback(action, raw) {
  if (typeof app.fallback !== "function") {
    throw new Error("the app has no fallback: give the default export a method `fallback(request, env, ctx)`");
  }
  return app.fallback(incomingRequest(raw), envOf(action), contextOf(action));
}

/** The handler threw before it gave anything. */
class Failure {
  constructor(error) {
    this.error = error;
  }
}

/** The result of the only call that the action waits for. */
export function result(number, call, ok) {
  const action = running[number];
  enter(action);
  action.deliver(call, { __proto__: null, ok: ok === undefined ? null : ok });
}

/** The results of calls, or the end of an action, as JSON. */
export function resume(text) {
  const message = bare(jsonParse(text));
  const action = running[message.action];
  enter(action);
  if (message.cancel) {
    action.answer = CANCELLED;
    action.aborted?.();
    return;
  }
  const results = bare(message.results);
  for (const id in results) action.deliver(id, bare(results[id]));
}

const CANCELLED = {};

/** A promise was rejected and nobody listens, or somebody does after all. */
export function rejection(promise, reason, handled) {
  forget(promise);
  if (!handled && rejections.length < MOST_REJECTIONS) rejections[rejections.length] = { promise, reason };
}

function forget(promise) {
  for (let i = 0; i < rejections.length; i++) {
    if (rejections[i].promise === promise) {
      for (; i + 1 < rejections.length; i++) rejections[i] = rejections[i + 1];
      rejections.length--;
    }
  }
}

/** What the action that has run gives to the host. */
export function turn() {
  const action = current();
  let made;
  try {
    made = next(action);
  } catch (error) {
    made = failure(action, error);
  }
  if (rejections.length) tellRejections();
  enter(null);
  return made;
}

function next(action) {
  if (action.answer === CANCELLED) {
    return ended(action, turns.failed("Cancelled"));
  }
  if (action.rest !== null) return nextPiece(action);
  let { answer } = action;
  if (answer instanceof Failure) return failure(action, answer.error);
  let state = promiseState(answer);
  if (state < 0 && typeof answer?.then === "function" && !isResponse(answer)) {
    answer = action.answer = resolved(answer);
    runJobs();
    state = promiseState(answer);
  }
  if (state === 2) {
    forget(answer);
    return failure(action, promiseResult(answer));
  }
  if (state === 0 || waitsForMore(action)) {
    if (action.outstanding === 0 && memoryExhausted()) return failure(action, null); // what would settle it was not made
    if (state === 0) action.watch(answer);
    return waiting(action);
  }
  const woken = takeWoken();
  if (woken.length) { // only a turn that waits can say so; this action goes on after them
    woken[woken.length] = action.number;
    return turns.waiting([], action.outstanding, [], woken);
  }
  if (state === 1) answer = promiseResult(answer);
  if (answer === SENT) return ended(action, turns.end(action.writes));
  if (!isResponse(answer)) {
    throw new TypeError(`the handler gave no Response but ${answer === null ? "null" : typeof answer}`);
  }
  const out = outgoingResponse(answer);
  if (out.stream !== undefined) {
    action.answer = sendAll(action, out);
    runJobs();
    return next(action);
  }
  if (out.text !== undefined && out.text.length <= PIECE_BYTES && (isAscii(out.text) || utf8Size(out.text) <= PIECE_BYTES)) {
    return ended(action, turns.done(out.status, out.headers, { text: out.text }, action.writes));
  }
  action.rest = { status: out.status, headers: out.headers, pieces: piecesOf(out.text ?? out.bytes), at: 0 };
  return nextPiece(action);
}

function nextPiece(action) {
  const { rest } = action;
  if (rest.at + 1 < rest.pieces.length) return turns.emit(rest.pieces[rest.at++]);
  const piece = rest.pieces[rest.at] ?? { text: "" };
  return ended(action, turns.done(rest.status, rest.headers, piece, action.writes));
}

/** Whether a promise given to `waitUntil` is still open. Those that failed are told in the log. */
function waitsForMore(action) {
  const { until } = action;
  if (until === null) return false;
  let open = 0;
  for (let i = 0; i < until.length; i++) {
    const promise = until[i];
    const state = promiseState(promise);
    if (state === 0) {
      action.watch(promise);
      until[open++] = promise;
    } else if (state === 2) {
      forget(promise);
      record("error", `a promise given to waitUntil failed: ${described(promiseResult(promise))}`);
    }
  }
  until.length = open;
  return open > 0;
}

function waiting(action) {
  const { wanted, cancelled } = action;
  if (wanted.length) delete action.wanted;
  if (cancelled.length) delete action.cancelled;
  return turns.waiting(wanted, action.outstanding, cancelled, takeWoken());
}

/** Ends the action with this turn. */
function ended(action, turn) {
  action.ended = true;
  delete running[action.number];
  return turn;
}

function failure(action, error) {
  ended(action);
  try {
    const code = memoryExhausted() ? "MemoryExceeded" : codeOf(error); // what was thrown may be of no kind then
    if (code === "MemoryExceeded") return turns.failed(code); // more needs memory too
    const trace = `${described(error)}\n${framesOf(error)}`;
    const detail = code === "AppFailed" ? described(error) : `${error.message}`;
    return turns.failed(code, slice(detail, 0, DETAIL_CHARACTERS), slice(trace, 0, TRACE_CHARACTERS));
  } catch {
    return turns.failed("AppFailed", "the app threw something that cannot be described", "");
  }
}

/** Anything that was thrown, as one text. */
function described(error) {
  if (typeof error === "object" && error !== null && typeof error.message === "string") {
    return `${error.name}: ${error.message}`;
  }
  return typeof error === "symbol" ? error.toString() : `${error}`;
}

/** Where it was thrown, in the app's own files. */
function framesOf(error) {
  const frames = typeof error?.stack === "string" ? error.stack.split("\n") : [];
  return frames.filter((frame) => frame !== "" && !frame.includes("(genapps:")).join("\n");
}

function tellRejections() {
  for (const { reason } of rejections) {
    try {
      record("error", `a promise was rejected and nobody handles it: ${described(reason)}`);
    } catch {
      record("error", "a promise was rejected and nobody handles it");
    }
  }
  rejections.length = 0;
}
