// SPDX-License-Identifier: Apache-2.0
// What a handler gets beside the request: `env` and `ctx`.

import { bindingOf, connectorOf } from "./connectors.js";
import { LOG } from "./log.js";
import { State } from "./state.js";
import { defineProperty } from "./web/primordials.js";

/** `env` of one action. Its objects are made when they are asked for. */
class Env {
  #action;
  #state;
  #connectors;

  constructor(action) {
    this.#action = action;
  }

  get STATE() {
    return (this.#state ??= new State(this.#action));
  }

  get LOG() {
    return LOG;
  }

  static connector(env, name) {
    env.#connectors ??= { __proto__: null };
    return (env.#connectors[name] ??= connectorOf(env.#action, name));
  }
}

const { connector: connectorIn } = Env;
delete Env.connector;
delete Env.prototype.constructor;
for (const name of ["STATE", "LOG"]) defineProperty(Env.prototype, name, { enumerable: true });

let granted = [];

/** The connectors that the app may call; each is in `env` from now on. */
export function grant(connectors) {
  granted = connectors;
  for (const name of connectors) {
    const get = function () {
      return connectorIn(this, name);
    };
    defineProperty(Env.prototype, bindingOf(name), { get, enumerable: true, configurable: true });
  }
}

/** Their names in `env`. */
export const grantedBindings = () => granted.map(bindingOf);

export const envOf = (action) => new Env(action);

/** `ctx` of one action. */
class Context {
  #action;
  props = {};

  constructor(action) {
    this.#action = action;
  }

  /** The request is answered when this promise has settled too: within its time, and before its writes are stored. */
  waitUntil(promise) {
    const { until } = this.#action;
    if (until === null) this.#action.until = [promise];
    else until[until.length] = promise;
  }

  /** There is nothing behind the app that a request could pass through to. */
  passThroughOnException() {}
}

delete Context.prototype.constructor;

export const contextOf = (action) => new Context(action);
