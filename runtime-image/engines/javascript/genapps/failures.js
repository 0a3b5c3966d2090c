// SPDX-License-Identifier: Apache-2.0
// What apps throw, as texts: anything can be thrown, and asking it what it is can throw again.

import { record } from "./log.js";
import { framesIn } from "./modules.js";
import { find } from "./web/primordials.js";

const MOST_REJECTIONS = 20;

const rejections = [];

/** Anything that was thrown, as one text. May throw. */
export function described(error) {
  if (typeof error === "object" && error !== null && typeof error.message === "string") {
    return `${error.name}: ${error.message}`;
  }
  return typeof error === "symbol" ? error.toString() : `${error}`;
}

/** The lines of its stack that are in the app's own files. May throw. */
export function framesOf(error) {
  const stack = error?.stack;
  if (typeof stack !== "string") return "";
  const frames = framesIn(stack);
  let kept = "";
  for (let i = 0; i < frames.length; i++) {
    if (find(frames[i], "(genapps:") < 0) kept += `${kept === "" ? "" : "\n"}${frames[i]}`;
  }
  return kept;
}

/** Tell the log of an error that ends nothing. */
export function told(what, error) {
  let text = what;
  try {
    text = `${what}: ${described(error)}`;
  } catch {
    // it cannot be described
  }
  record("error", text);
}

/** A promise was rejected and nobody listens, or somebody does after all. */
export function rejection(promise, reason, handled) {
  forget(promise);
  if (!handled && rejections.length < MOST_REJECTIONS) rejections[rejections.length] = { promise, reason };
}

/** Somebody else tells that it was rejected. */
export function forget(promise) {
  for (let i = 0; i < rejections.length; i++) {
    if (rejections[i].promise === promise) {
      for (; i + 1 < rejections.length; i++) rejections[i] = rejections[i + 1];
      rejections.length--;
    }
  }
}

/** Tell the log of those that nobody has listened to until now. */
export function tellRejections() {
  for (let i = 0; i < rejections.length; i++) told("a promise was rejected and nobody handles it", rejections[i].reason);
  rejections.length = 0;
}
