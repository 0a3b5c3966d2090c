// SPDX-License-Identifier: Apache-2.0
/** `setTimeout` and its kin: timers of the host, in the action that sets them. They end with it. */

import { current } from "../action.js";

import { mapDelete, mapGet, mapSet, min, trunc, weakGet, weakSet } from "./primordials.js";

const LONGEST = 86_400_000;
/** For each action, the timer in which an interval goes on, by the number that the app has of it. */
const intervals = new WeakMap();

function here(name) {
  const action = current();
  if (action === null) throw new Error(`${name} is for handlers: while the module loads, no time passes`);
  return action;
}

function millisOf(value) {
  const given = trunc(+value);
  return given >= 1 ? min(given, LONGEST) : 1;
}

function callbackOf(name, callback, values) {
  if (typeof callback !== "function") throw new TypeError(`${name} takes a function`);
  return values.length === 0 ? () => callback.call(globalThis) : () => callback.call(globalThis, ...values);
}

/**
 * @param {Function} callback
 * @param {number} [millis] at most a day
 * @returns {number} for clearTimeout
 */
export function setTimeout(callback, millis = 0, ...values) {
  return here("setTimeout").setTimer(millisOf(millis), callbackOf("setTimeout", callback, values));
}

/** @returns {number} for clearInterval */
export function setInterval(callback, millis = 0, ...values) {
  const action = here("setInterval");
  const call = callbackOf("setInterval", callback, values);
  const pause = millisOf(millis);
  const known = weakGet(intervals, action) ?? new Map();
  weakSet(intervals, action, known);
  const round = () => {
    mapSet(known, id, action.setTimer(pause, round));
    call();
  };
  const id = action.setTimer(pause, round);
  mapSet(known, id, id);
  return id;
}

/** A number that is no timer's does nothing. */
export function clearTimeout(id = undefined) {
  const action = current();
  if (action === null) return;
  const known = weakGet(intervals, action);
  const timer = known === undefined ? undefined : mapGet(known, id);
  if (timer === undefined) action.clearTimer(id);
  else {
    mapDelete(known, id);
    action.clearTimer(timer);
  }
}

/** The same as clearTimeout. */
export function clearInterval(id = undefined) {
  clearTimeout(id);
}
