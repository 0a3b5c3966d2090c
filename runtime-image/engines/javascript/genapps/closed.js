// SPDX-License-Identifier: Apache-2.0
// What the language or the Workers form has and the platform has not: code from texts, the network, a seed of our own.

import { randomNumber } from "genapps:native";

import { grantedBindings } from "./env.js";
import { defineProperty, getPrototypeOf, rejected } from "./web/primordials.js";

function noCode() {
  throw new EvalError("code from a text is not available: what runs is what was approved");
}

function Function() {
  noCode();
}

/** Network is there through connectors only. */
function fetch() {
  const granted = grantedBindings();
  const calls = granted.length ? `of env: ${granted.join(", ")}` : "that the envelope grants; it grants none";
  return rejected(new TypeError(`fetch is not available: apps reach the outside by the connectors ${calls}`));
}

/** Replace them in the global object. */
export function close(target) {
  const kinds = [
    function () {},
    async function () {},
    function* () {},
    async function* () {},
  ];
  for (const kind of kinds) {
    defineProperty(getPrototypeOf(kind), "constructor", { value: Function, writable: true, configurable: true });
  }
  defineProperty(Function, "prototype", { value: getPrototypeOf(noCode) });
  for (const [name, value] of [["Function", Function], ["eval", noCode], ["fetch", fetch]]) {
    defineProperty(target, name, { value, writable: true, configurable: true });
  }
  // QuickJS seeds its own when the engine is built.
  defineProperty(target.Math, "random", { value: () => randomNumber(), writable: true, configurable: true });
}
