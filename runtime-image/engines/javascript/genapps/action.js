// SPDX-License-Identifier: Apache-2.0
// The action that runs: its calls to the host, and the promises that wait for them.
//
// An instance serves many actions and runs one at a time. What code does between two turns belongs to the action whose
// turn it is; what it asks of an action's own objects (`env`, the request) belongs to that action.

import { ToolError } from "./errors.js";
import { freeze, pending, rejected, setPrototypeOf, then } from "./web/primordials.js";

const MOST_OUTSTANDING = 1000;

const NONE = freeze([]);

/** The actions that have begun and not ended, by number. */
export const running = { __proto__: null };

let present = null;
/** No two calls in an instance have a number: what an app keeps of a request means nothing in another one. */
let calls = 0;
let woken = [];

/** The action whose turn it is; null while the app loads. */
export const current = () => present;

export function enter(action) {
  present = action;
}

/** The next call is the first one. */
export function startOver() {
  calls = 0;
}

/** Other actions that can go on because of this turn; once. */
export function takeWoken() {
  const taken = woken;
  if (taken.length) woken = [];
  return taken;
}

/** What most requests never write stays in the prototype: an object of few fields is made in a third of the time. */
export class Action {
  constructor(number) {
    this.number = number;
    /** What the handler has given: an answer or the promise of one. */
    this.answer = undefined;
  }

  /**
   * One call to the host (a kind and its payload, as in turn.schema.json); gives its result. Rejects with ToolError.
   * `started` gets the number of the call.
   */
  call(kind, payload, started) {
    const { promise, resolve, reject } = pending();
    try {
      const id = this.ask(kind, payload, resolve, (problem) => reject(new ToolError(problem)));
      started?.(id);
    } catch (error) {
      return rejected(error);
    }
    return promise;
  }

  /** The same with two functions; returns the number of the call. Throws when too many are outstanding. */
  ask(kind, payload, resolve, refuse) {
    if (this.ended) throw new Error("the request has ended: nothing more can be asked for it");
    if (this.outstanding >= MOST_OUTSTANDING) {
      throw new Error(`a request may wait for at most ${MOST_OUTSTANDING} timers and calls at once`);
    }
    const id = ++calls;
    this.waiting ??= { __proto__: null };
    if (this.wanted === NONE) this.wanted = [];
    this.wanted[this.wanted.length] = { id, kind, payload };
    this.waiting[id] = { resolve, refuse };
    this.outstanding++;
    this.wake();
    return id;
  }

  /** Nobody waits for this call any more. */
  cancel(id) {
    if (this.waiting?.[id] === undefined) return;
    delete this.waiting[id];
    this.outstanding--;
    const asked = this.wanted;
    for (let i = 0; i < asked.length; i++) {
      if (asked[i].id === id) {
        for (; i + 1 < asked.length; i++) asked[i] = asked[i + 1];
        asked.length--;
        return;
      }
    }
    if (this.cancelled === NONE) this.cancelled = [];
    this.cancelled[this.cancelled.length] = id;
    this.wake();
  }

  /** The host has answered a call. */
  deliver(id, outcome) {
    const waiter = this.waiting?.[id];
    if (waiter === undefined) return;
    delete this.waiting[id];
    this.outstanding--;
    if (outcome.problem === undefined) waiter.resolve(outcome.ok);
    else waiter.refuse(outcome.problem);
  }

  /**
   * Calls `callback` after so many milliseconds; returns a number for `cancel`. Throws as `ask` does. What the callback
   * throws is told as a rejection is that nobody handles.
   */
  setTimer(millis, callback) {
    const call = () => {
      try {
        callback();
      } catch (error) {
        rejected(error);
      }
    };
    return this.ask("timer", { millis }, call, notRefused);
  }

  /** Nothing for a number that is no timer's of this action. */
  clearTimer(id) {
    if (this.waiting?.[id]?.refuse === notRefused) this.cancel(id);
  }

  /** Calls `step` when nobody waits for the answer any more. */
  whenLeft(step) {
    this.steps ??= [];
    this.steps[this.steps.length] = step;
  }

  /** Nobody waits for the answer any more. */
  leave() {
    const { steps } = this;
    for (let i = 0; steps !== null && i < steps.length; i++) {
      try {
        steps[i]();
      } catch (error) {
        rejected(error);
      }
    }
  }

  /** Tell the host when the answer is settled in the turn of another action. */
  watchAnswer(promise) {
    if (this.watched === promise) return;
    this.watched = promise;
    this.watch(promise);
  }

  /** The same for what was given to `waitUntil`. */
  watch(promise) {
    const wake = () => this.wake();
    then(promise, wake, wake);
  }

  wake() {
    if (this === present || this.ended) return;
    for (let i = 0; i < woken.length; i++) if (woken[i] === this.number) return;
    woken[woken.length] = this.number;
  }
}

function notRefused() {}

setPrototypeOf(Action.prototype, null); // so that it has nothing of an app's
Object.assign(Action.prototype, {
  /** What it may still log, in characters. */
  logLeft: 0,
  /** JSON texts by key, null for what is deleted; null before the first one. */
  writes: null,
  /** Characters of keys and texts. */
  written: 0,
  /** Calls that the host has not been asked for yet. */
  wanted: NONE,
  /** Calls that the host need not answer any more. */
  cancelled: NONE,
  /** Who waits for a call, by its number. */
  waiting: null,
  outstanding: 0,
  /** Promises given to `ctx.waitUntil`; null before the first one. */
  until: null,
  /** How many of them are watched: the first ones. */
  seen: 0,
  /** What the handler has answered, while promises given to `ctx.waitUntil` are open. */
  taken: null,
  /** An answer of several pieces that has begun to leave. */
  rest: null,
  /** What to do when nobody waits for the answer any more. */
  steps: null,
  ended: false,
  /** The answer that tells when it is settled. */
  watched: undefined,
});

