// SPDX-License-Identifier: Apache-2.0
/** `AbortController` and `AbortSignal`: telling what runs that nobody waits for it any more. */

import { EventTarget, fire, listenerProperty, listenersOf, whenListeners } from "./events.js";
import { shown } from "./iterators.js";
import { defineProperty, deref, includes, max, setAdd, setDelete, splice } from "./primordials.js";
import { setTimeout } from "./timers.js";

const MADE = {};
const { DOMException, Set, WeakRef } = globalThis;
/** So many followers that nobody has any more are left where they are, or as many as there are others. */
const FEW = 16;

/** @type {(signal: AbortSignal, reason: unknown) => void} */
let abort;
/** @type {(value: unknown) => boolean} */
export let isSignal;
/**
 * Call `step` when the signal aborts, before its listeners; the answer takes that back.
 * @type {(signal: AbortSignal, step: () => void) => () => void}
 */
export let onAbort;
let follow;
/** One that aborts when the other does. @type {(signal: AbortSignal) => AbortSignal} */
export function followerOf(signal) {
  const made = new AbortSignal(MADE);
  follow(made, [signal]);
  return made;
}
/** One that nobody can abort. @type {() => AbortSignal} */
export const newSignal = () => new AbortSignal(MADE);

function aborted() {
  return new DOMException("the operation was aborted", "AbortError");
}

/** Whether something was aborted, and why. */
export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  /** @type {(() => void)[]} */
  #steps = [];
  /** Those that abort with it, unless nobody has them any more. @type {WeakRef<AbortSignal>[] | null} */
  #followers = null;
  #room = FEW;
  /** Those of them that have somebody to tell: they are there as long as it is. @type {Set<AbortSignal> | null} */
  #telling = null;
  /** Those that it follows, which follow nobody. @type {AbortSignal[] | null} */
  #followed = null;

  constructor(made) {
    if (made !== MADE) throw new TypeError("an AbortController makes its signal");
    super();
  }

  static abort(reason = undefined) {
    const signal = new AbortSignal(MADE);
    signal.#aborted = true;
    signal.#reason = reason === undefined ? aborted() : reason;
    return signal;
  }

  static timeout(millis) {
    const wait = +millis;
    if (!(wait >= 0) || wait > Number.MAX_SAFE_INTEGER) throw new TypeError("timeout takes milliseconds from 0 on");
    const signal = new AbortSignal(MADE);
    setTimeout(() => abort(signal, new DOMException("the time is over", "TimeoutError")), wait);
    return signal;
  }

  static any(signals) {
    const all = [...signals];
    const made = new AbortSignal(MADE);
    for (let at = 0; at < all.length; at += 1) if (!isSignal(all[at])) throw new TypeError("any takes a list of AbortSignals");
    follow(made, all);
    return made;
  }

  get aborted() {
    return this.#aborted;
  }

  get reason() {
    return this.#reason;
  }

  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }

  static {
    isSignal = (value) => typeof value === "object" && value !== null && #aborted in value;
    abort = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? aborted() : reason;
      const followers = signal.#followers ?? [];
      signal.#followers = null;
      const open = [signal];
      for (let at = 0; at < followers.length; at += 1) {
        const follower = deref(followers[at]);
        if (follower === undefined || follower.#aborted) continue;
        follower.#aborted = true;
        follower.#reason = signal.#reason;
        open[open.length] = follower;
      }
      for (let at = 0; at < open.length; at += 1) {
        keep(open[at]);
        tell(open[at]);
      }
    };
    const keep = (signal) => {
      const sources = signal.#followed;
      if (sources === null) return;
      const tells = !signal.#aborted && signal.#steps.length + listenersOf(signal) > 0;
      for (let at = 0; at < sources.length; at += 1) {
        const source = sources[at];
        if (tells) setAdd((source.#telling ??= new Set()), signal);
        else if (source.#telling !== null) setDelete(source.#telling, signal);
      }
    };
    const add = (source, follower) => {
      const all = (source.#followers ??= []);
      if (all.length >= source.#room) {
        let kept = 0;
        for (let at = 0; at < all.length; at += 1) if (deref(all[at]) !== undefined) all[kept++] = all[at];
        all.length = kept;
        source.#room = max(FEW, 2 * kept);
      }
      all[all.length] = new WeakRef(follower);
    };
    const tell = (signal) => {
      const steps = signal.#steps;
      signal.#steps = [];
      for (let at = 0; at < steps.length; at += 1) steps[at]();
      fire(signal, "abort");
    };
    follow = (made, signals) => {
      for (let at = 0; at < signals.length; at += 1) {
        if (!signals[at].#aborted) continue;
        made.#aborted = true;
        made.#reason = signals[at].#reason;
        return;
      }
      made.#followed = [];
      for (let at = 0; at < signals.length; at += 1) {
        const sources = signals[at].#followed ?? [signals[at]];
        for (let each = 0; each < sources.length; each += 1) {
          const source = sources[each];
          if (includes(made.#followed, source)) continue;
          made.#followed[made.#followed.length] = source;
          add(source, made);
        }
      }
      whenListeners(made, keep);
    };
    onAbort = (signal, step) => {
      const steps = signal.#steps;
      steps[steps.length] = step;
      keep(signal);
      return () => {
        for (let at = 0; at < steps.length; at += 1) {
          if (steps[at] !== step) continue;
          splice(steps, at, 1);
          keep(signal);
          return;
        }
      };
    };
  }
}

/** Makes a signal, and aborts it. */
export class AbortController {
  #signal = new AbortSignal(MADE);

  get signal() {
    return this.#signal;
  }

  abort(reason = undefined) {
    abort(this.#signal, reason);
  }
}

listenerProperty(AbortSignal, "abort");
for (const name of ["abort", "timeout", "any"]) defineProperty(AbortSignal, name, { enumerable: true });
shown(AbortSignal.prototype, ["aborted", "reason", "throwIfAborted"], "AbortSignal");
shown(AbortController.prototype, ["signal", "abort"], "AbortController");
