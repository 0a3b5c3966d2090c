// SPDX-License-Identifier: Apache-2.0
/** `Event`, `CustomEvent` and `EventTarget`, as far as there is something without a document: no tree, no bubbling. */

import { nowMillis } from "genapps:native";

import { inspect } from "./inspect.js";
import { writeRecord } from "./console.js";
import { shown } from "./iterators.js";
import { defineProperty, sliceList, splice } from "./primordials.js";

let eventOf;
let dispatch;
/** How many listeners it has. @type {(target: EventTarget) => number} */
export let listenersOf;
/** Call `step` with the target when it has got or lost a listener. @type {(target: EventTarget, step: Function) => void} */
export let whenListeners;
/** Call the listeners with an event of ours. @type {(target: EventTarget, type: string) => void} */
export let fire;

/** Something that happened. */
export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #state = { target: null, phase: 0, stopped: false, prevented: false, passive: false, trusted: false };
  #time = nowMillis();

  constructor(type, init = undefined) {
    if (arguments.length < 1) throw new TypeError("Event takes a type");
    this.#type = `${type}`;
    this.#bubbles = !!init?.bubbles;
    this.#cancelable = !!init?.cancelable;
    this.#composed = !!init?.composed;
  }

  get type() {
    return this.#type;
  }

  get target() {
    return this.#state.target;
  }

  get srcElement() {
    return this.#state.target;
  }

  get currentTarget() {
    return this.#state.phase === 0 ? null : this.#state.target;
  }

  get eventPhase() {
    return this.#state.phase;
  }

  get bubbles() {
    return this.#bubbles;
  }

  get cancelable() {
    return this.#cancelable;
  }

  get composed() {
    return this.#composed;
  }

  get defaultPrevented() {
    return this.#state.prevented;
  }

  get returnValue() {
    return !this.#state.prevented;
  }

  get isTrusted() {
    return this.#state.trusted;
  }

  get timeStamp() {
    return this.#time;
  }

  composedPath() {
    return this.#state.phase === 0 ? [] : [this.#state.target];
  }

  preventDefault() {
    if (this.#cancelable && !this.#state.passive) this.#state.prevented = true;
  }

  stopPropagation() {
    this.#type;
  }

  stopImmediatePropagation() {
    this.#state.stopped = true;
  }

  static {
    eventOf = (event) => event.#state;
  }
}

/** An event with a value of the app's. */
export class CustomEvent extends Event {
  #detail;

  constructor(type, init = undefined) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }
}

/** What can be listened to. */
export class EventTarget {
  /** @type {{ type: string, callback: unknown, capture: boolean, once: boolean, passive: boolean, gone: boolean }[]} */
  #listeners = [];
  #changed = null;

  addEventListener(type, callback, options = undefined) {
    if (arguments.length < 2) throw new TypeError("addEventListener takes a type and a function");
    const { capture, once, passive, signal } = optionsOf(options);
    if (callback === null || callback === undefined) return;
    if (typeof callback !== "function" && typeof callback !== "object") throw new TypeError("a listener is a function");
    if (signal?.aborted) return;
    const name = `${type}`;
    if (this.#find(name, callback, capture) >= 0) return;
    this.#listeners[this.#listeners.length] = { type: name, callback, capture, once, passive, gone: false };
    this.#changed?.(this);
    signal?.addEventListener("abort", () => this.removeEventListener(name, callback, { capture }), { once: true });
  }

  removeEventListener(type, callback, options = undefined) {
    if (arguments.length < 2) throw new TypeError("removeEventListener takes a type and a function");
    const at = this.#find(`${type}`, callback, captureOf(options));
    if (at >= 0) this.#drop(at);
  }

  dispatchEvent(event) {
    const state = eventOf(event);
    if (state.phase !== 0) throw new DOMException("the event is being dispatched", "InvalidStateError");
    state.trusted = false;
    dispatch(this, event);
    return !event.defaultPrevented;
  }

  #find(type, callback, capture) {
    const all = this.#listeners;
    for (let at = 0; at < all.length; at += 1) {
      if (all[at].type === type && all[at].callback === callback && all[at].capture === capture) return at;
    }
    return -1;
  }

  #drop(at) {
    this.#listeners[at].gone = true;
    splice(this.#listeners, at, 1);
    this.#changed?.(this);
  }

  static {
    listenersOf = (target) => target.#listeners.length;
    whenListeners = (target, step) => {
      target.#changed = step;
    };
    dispatch = (target, event) => {
      const state = eventOf(event);
      state.target = target;
      state.phase = 2;
      const { type } = event;
      const all = sliceList(target.#listeners);
      for (let at = 0; at < all.length && !state.stopped; at += 1) {
        const listener = all[at];
        if (listener.type !== type || listener.gone) continue;
        if (listener.once) target.#drop(target.#find(type, listener.callback, listener.capture));
        state.passive = listener.passive;
        call(listener.callback, target, event);
        state.passive = false;
      }
      state.phase = 0;
      state.stopped = false;
    };
    fire = (target, type) => {
      if (target.#listeners.length === 0) return;
      const event = new Event(type);
      eventOf(event).trusted = true;
      dispatch(target, event);
    };
  }
}

function captureOf(options) {
  return !!(typeof options === "object" || typeof options === "function" ? options?.capture : options);
}

function optionsOf(options) {
  if (options === null || (typeof options !== "object" && typeof options !== "function")) {
    return { capture: !!options, once: false, passive: false, signal: undefined };
  }
  const { capture, once, passive, signal } = options;
  if (signal === null) throw new TypeError("signal is an AbortSignal");
  return { capture: !!capture, once: !!once, passive: !!passive, signal };
}

/** What a listener throws is logged: it stops neither the others nor who dispatched. */
function call(callback, target, event) {
  try {
    if (typeof callback === "function") callback.call(target, event);
    else callback.handleEvent(event);
  } catch (error) {
    writeRecord("error", `Uncaught in a listener: ${inspect(error)}`);
  }
}

/**
 * Define `on<type>` on a class of targets: one listener that an app sets and replaces.
 * @param {Function} kind
 * @param {string} type
 */
export function listenerProperty(kind, type) {
  const known = new WeakMap();
  const { get, set } = WeakMap.prototype;
  defineProperty(kind.prototype, `on${type}`, {
    get() {
      return get.call(known, this)?.callback ?? null;
    },
    set(value) {
      const callback = typeof value === "function" ? value : null;
      const before = get.call(known, this);
      if (before !== undefined) {
        before.callback = callback;
        return;
      }
      const holder = { callback };
      set.call(known, this, holder);
      this.addEventListener(type, (event) => holder.callback?.call(this, event));
    },
    enumerable: true,
    configurable: true,
  });
}

const PHASES = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 };
for (const name in PHASES) {
  defineProperty(Event, name, { value: PHASES[name], enumerable: true });
  defineProperty(Event.prototype, name, { value: PHASES[name], enumerable: true });
}
shown(
  Event.prototype,
  [
    "type", "target", "srcElement", "currentTarget", "eventPhase", "bubbles", "cancelable", "composed", "defaultPrevented",
    "returnValue", "isTrusted", "timeStamp", "composedPath", "preventDefault", "stopPropagation", "stopImmediatePropagation",
  ],
  "Event",
);
shown(CustomEvent.prototype, ["detail"], "CustomEvent");
shown(EventTarget.prototype, ["addEventListener", "removeEventListener", "dispatchEvent"], "EventTarget");
