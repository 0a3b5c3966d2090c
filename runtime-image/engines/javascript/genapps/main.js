// SPDX-License-Identifier: Apache-2.0
// The exports of the world in JavaScript (engine.c calls them): the app is loaded, and its requests become turns.
//
// Each step of an action is a call of one of `start`, `request`, `result` and `resume`; then the jobs of promises run;
// then `turn` says what the host has to do. None of them throws.

import { evaluate, isAscii, memoryExhausted, promiseResult, promiseState, runJobs, utf8Size } from "genapps:native";
import { Action, current, enter, running, startOver, takeWoken } from "./action.js";
import { jsonParse, jsonStringify, resolved, setPrototypeOf, slice, startsWith, wellFormed } from "./web/primordials.js";
import { close } from "./closed.js";
import { contextOf, envOf, grant } from "./env.js";
import { codeOf } from "./errors.js";
import { described, forget, framesOf, tellRejections, told } from "./failures.js";
import * as modules from "./modules.js";
import { PIECE_BYTES, piecesOf, sendAll, SENT } from "./sending.js";
import * as turns from "./turns.js";
import { installGlobals } from "./web/globals.js";
import { incomingRequest } from "./web/request.js";
import { isResponse, outgoingResponse, Response } from "./web/response.js";

export { rejection } from "./failures.js";
export { resolve, source } from "./modules.js";

const MESSAGE_CHARACTERS = 4000;
const DETAIL_CHARACTERS = 1000;
const TRACE_CHARACTERS = 2000;
const ROUTES = '{"routes":["* /{rest:path}"]}';

let app = null; // the default export
let byFallback = false;

installGlobals(globalThis);
close(globalThis);

/** Load the app's files; gives `[whether they load, the routes or what is wrong]`, both as JSON. */
export function load(text) {
  const message = jsonParse(text);
  Action.prototype.logLeft = message.logBytes;
  modules.keep(message);
  grant(message.connectors ?? []);
  try {
    const both = evaluate(message.entry, modules.source(message.entry));
    runJobs();
    const ended = both[1];
    const state = promiseState(ended);
    if (state === 2) throw promiseResult(ended);
    if (state === 0) throw new Error("the code waits at its top level for something that never comes");
    app = handlerIn(both[0]);
    tellRejections();
    return [true, ROUTES];
  } catch (error) {
    return [false, refusal(error, message.entry)];
  }
}

/** Forget the app, for the end of the build. */
export function forgetApp() {
  app = null;
  modules.keep({});
  Action.prototype.logLeft = 0;
  startOver();
}

function handlerIn(namespace) {
  const found = namespace.default;
  if (typeof found?.fetch === "function") return found;
  throw new Error("the app answers no request: write `export default { async fetch(request, env, ctx) { … } }`");
}

/** What went wrong, with the app's file and line. */
function refusal(error, entry) {
  try {
    if (modules.isNotAvailable(error)) return refused("ModuleNotAvailable", error.message, error.file, error.line);
    const { file, line } = modules.placeOf(`${error?.stack ?? ""}`) ?? { file: entry, line: 0 };
    return refused("CodeRejected", slice(described(error), 0, MESSAGE_CHARACTERS), file, line);
  } catch {
    return refused("CodeRejected", "it threw something that cannot be described", entry, 0);
  }
}

const refused = (code, message, file, line) =>
  `{"code":"${code}","message":${jsonStringify(wellFormed(message))},"file":${jsonStringify(wellFormed(file))},"line":${line}}`;

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
setPrototypeOf(Failure.prototype, null);

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
    action.leave();
    return;
  }
  const results = bare(message.results);
  for (const id in results) action.deliver(id, bare(results[id]));
}

const CANCELLED = {};
const NOTHING = { text: "" };

/** What the action that has run gives to the host. */
export function turn() {
  const action = current();
  let made;
  try {
    made = next(action);
  } catch (error) {
    made = failure(action, error);
  }
  tellRejections();
  enter(null);
  return made;
}

function next(action) {
  if (action.answer === CANCELLED) {
    return ended(action, turns.failed("Cancelled"));
  }
  if (action.rest !== null) return nextPiece(action);
  if (action.taken !== null) return finished(action, action.taken);
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
  if (state === 0) {
    action.watchAnswer(answer);
    return waiting(action);
  }
  if (state === 1) answer = promiseResult(answer);
  if (answer === SENT) return finished(action, SENT);
  if (!isResponse(answer)) {
    throw new TypeError(`the handler gave no Response but ${answer === null ? "null" : typeof answer}`);
  }
  const out = outgoingResponse(answer);
  if (out.stream === undefined) return finished(action, out);
  action.answer = sendAll(action, out); // what was given to `waitUntil` may be what writes into the stream
  runJobs();
  return next(action);
}

/** The answer leaves, or its end, as soon as nothing given to `waitUntil` is open. */
function finished(action, out) {
  if (waitsForMore(action)) {
    action.taken = out;
    return waiting(action);
  }
  const others = afterOthers(action);
  if (others !== null) {
    action.taken = out;
    return others;
  }
  if (out === SENT) return ended(action, turns.end(action.writes));
  if (out.text !== undefined && out.text.length <= PIECE_BYTES && (isAscii(out.text) || utf8Size(out.text) <= PIECE_BYTES)) {
    return ended(action, turns.done(out.status, out.headers, { text: out.text }, action.writes));
  }
  action.rest = { status: out.status, headers: out.headers, pieces: piecesOf(out.text ?? out.bytes), at: 0 };
  return nextPiece(action);
}

/** A turn that wakes other actions, if this one has let some go on: no last turn can. This one goes on after them. */
function afterOthers(action) {
  const woken = takeWoken();
  if (woken.length === 0) return null;
  woken[woken.length] = action.number;
  return turns.waiting([], action.outstanding, [], woken);
}

function nextPiece(action) {
  const { rest } = action;
  if (rest.at + 1 < rest.pieces.length) return turns.emit(rest.pieces[rest.at++]);
  const piece = rest.pieces[rest.at] ?? NOTHING;
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
      if (i >= action.seen) action.watch(promise);
      until[open++] = promise;
    } else if (state === 2) {
      forget(promise);
      told("a promise given to waitUntil failed", promiseResult(promise));
    }
  }
  until.length = action.seen = open;
  return open > 0;
}

function waiting(action) {
  if (action.outstanding === 0 && memoryExhausted()) return failure(action, null); // what would settle it was not made
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
  const others = memoryExhausted() ? null : afterOthers(action);
  if (others !== null) {
    action.answer = new Failure(error);
    return others;
  }
  ended(action);
  try {
    const code = memoryExhausted() ? "MemoryExceeded" : codeOf(error); // what was thrown may be of no kind then
    if (code === "MemoryExceeded") return turns.failed(code); // more needs memory too
    const trace = `${described(error)}\n${framesOf(error)}`;
    const detail = code === "AppFailed" ? described(error) : `${error.message}`;
    return turns.failed(code, slice(detail, 0, DETAIL_CHARACTERS), slice(trace, 0, TRACE_CHARACTERS));
  } catch {
    if (memoryExhausted()) return turns.failed("MemoryExceeded");
    return turns.failed("AppFailed", "the app threw something that cannot be described", "");
  }
}
