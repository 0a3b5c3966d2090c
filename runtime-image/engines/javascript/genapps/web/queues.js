// SPDX-License-Identifier: Apache-2.0
/** Queues of streams, with the size of what they hold, and the strategies that say how much they should. */

import { shown } from "./iterators.js";
import { splice } from "./primordials.js";

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

/** How much a stream's queue should hold. Throws RangeError. */
export function highWaterOf(strategy, otherwise) {
  const given = strategy?.highWaterMark;
  if (given === undefined) return otherwise;
  const mark = +given;
  if (!(mark >= 0)) throw new RangeError("highWaterMark is a number from 0 on");
  return mark;
}

const one = () => 1;

/** What measures a chunk. Throws TypeError. */
export function sizeOf(strategy) {
  const size = strategy?.size;
  if (size === undefined) return one;
  if (typeof size !== "function") throw new TypeError("size is a function");
  return (chunk) => +size.call(undefined, chunk);
}

function markOf(init) {
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
    this.#mark = markOf(init);
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
    this.#mark = markOf(init);
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
