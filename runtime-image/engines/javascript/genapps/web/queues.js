// SPDX-License-Identifier: Apache-2.0
/** Queues of streams, with the size of what they hold, and the strategies that say how much they should. */

import { shown } from "./iterators.js";
import { apply, splice } from "./primordials.js";

const SPENT = 64;

/** @typedef {{ items: unknown[], sizes: number[] | null, first: number, total: number }} Queue */

/** @returns {Queue} */
export function newQueue() {
  return { __proto__: null, items: [], sizes: [], first: 0, total: 0 };
}

/** Throws RangeError for a size that is none. */
export function put(queue, item, size) {
  if (typeof size !== "number" || !(size >= 0) || size === Infinity) {
    throw new RangeError("the size of a chunk is a number from 0 on");
  }
  queue.items[queue.items.length] = item;
  queue.sizes[queue.sizes.length] = size;
  queue.total += size;
}

export function take(queue) {
  const item = queue.items[queue.first];
  queue.total -= queue.sizes[queue.first];
  if (queue.total < 0) queue.total = 0; // sizes are floating-point numbers
  queue.items[queue.first] = undefined;
  queue.first += 1;
  if (queue.first >= SPENT && queue.first * 2 >= queue.items.length) {
    splice(queue.items, 0, queue.first);
    splice(queue.sizes, 0, queue.first);
    queue.first = 0;
  }
  return item;
}

/** So much less of the first item is left. */
export function shorten(queue, size) {
  queue.sizes[queue.first] -= size;
  queue.total -= size;
}

export function peek(queue) {
  return queue.items[queue.first];
}

export function isEmpty(queue) {
  return queue.first >= queue.items.length;
}

export function empty(queue) {
  queue.items = [];
  queue.sizes = [];
  queue.first = 0;
  queue.total = 0;
}

/** What a strategy says, each member asked for once. Throws TypeError. */
export function strategyOf(strategy) {
  if (strategy === undefined || strategy === null) return { mark: undefined, size: undefined };
  if (typeof strategy !== "object" && typeof strategy !== "function") throw new TypeError("a strategy is an object");
  const given = strategy.highWaterMark;
  const mark = given === undefined ? undefined : +given;
  const { size } = strategy;
  if (size !== undefined && typeof size !== "function") throw new TypeError("size is a function");
  return { mark, size };
}

/** How much a stream's queue should hold. Throws RangeError. */
export function markOf(mark, otherwise) {
  if (mark === undefined) return otherwise;
  if (!(mark >= 0)) throw new RangeError("highWaterMark is a number from 0 on");
  return mark;
}

const one = () => 1;

/** What measures a chunk. */
export function measureOf(size) {
  return size === undefined ? one : (chunk) => +apply(size, undefined, [chunk]);
}

function givenMark(init) {
  if (init === null || (typeof init !== "object" && typeof init !== "function")) {
    throw new TypeError("a strategy is made of { highWaterMark }");
  }
  if (init.highWaterMark === undefined) throw new TypeError("highWaterMark is missing");
  return +init.highWaterMark;
}

const size = () => 1;

/** Chunks count one each. */
export class CountQueuingStrategy {
  #mark;

  constructor(init) {
    this.#mark = givenMark(init);
  }

  get highWaterMark() {
    return this.#mark;
  }

  get size() {
    this.#mark;
    return size;
  }
}

const byteSize = { size: (chunk) => chunk.byteLength }.size;

/** Chunks count their bytes. */
export class ByteLengthQueuingStrategy {
  #mark;

  constructor(init) {
    this.#mark = givenMark(init);
  }

  get highWaterMark() {
    return this.#mark;
  }

  get size() {
    this.#mark;
    return byteSize;
  }
}

shown(CountQueuingStrategy.prototype, ["highWaterMark", "size"], "CountQueuingStrategy");
shown(ByteLengthQueuingStrategy.prototype, ["highWaterMark", "size"], "ByteLengthQueuingStrategy");
