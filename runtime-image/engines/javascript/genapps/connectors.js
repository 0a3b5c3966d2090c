// SPDX-License-Identifier: Apache-2.0
// Tools of the connectors in the app's envelope: `env.FX_RATES.latest({currency: "EUR"})`. The gateway decides about
// every call.

import { denseJson } from "./dense_json.js";
import { charCode, rejected } from "./web/primordials.js";

const BRACE = 123;

const TAKEN = { __proto__: null, STATE: 0, LOG: 0 };

/** The name in `env` of a connector: `fx-rates` is `FX_RATES`, and `log` is `LOG_`. */
export function bindingOf(connector) {
  const name = connector.toUpperCase().replaceAll("-", "_");
  return name in TAKEN ? `${name}_` : name;
}

/** One connector for one action: its tools are methods. `call` and `stream` take the tool's name. */
export function connectorOf(action, connector) {
  const own = {
    __proto__: null,
    /** Call a tool; gives its result as JSON values. Rejects with ToolError. */
    call: (tool, args) => {
      try {
        return action.call("tool", payloadOf(connector, tool, args, false));
      } catch (error) {
        return rejected(error);
      }
    },
    /** The pieces of an answer that comes piece by piece: `for await (const piece of env.MODEL.stream("chat", {…}))`. */
    stream: (tool, args) => pieces(action, payloadOf(connector, tool, args, true)),
  };
  return new Proxy(own, {
    __proto__: null,
    get(target, name) {
      if (typeof name !== "string" || name in NO_TOOLS) return undefined;
      return target[name] ?? ((args) => target.call(name, args));
    },
    set: () => false,
    defineProperty: () => false,
  });
}

/** What the language asks objects for: as a promise, as a text, as JSON. A call would be a violation. */
const NO_TOOLS = {
  __proto__: null, catch: 0, constructor: 0, finally: 0, then: 0, toJSON: 0, toLocaleString: 0, toString: 0, valueOf: 0,
};

function payloadOf(connector, tool, args = {}, stream) {
  const text = denseJson(args);
  if (text === undefined || charCode(text, 0) !== BRACE) throw new TypeError("a tool takes an object of arguments");
  return { connector, tool: `${tool}`, arguments: text, stream };
}

async function* pieces(action, payload) {
  let call = 0;
  let over = false;
  try {
    let came = await action.call("tool", payload, (id) => (call = id));
    while (came !== null && came !== undefined) {
      for (let i = 0; i < came.length; i++) yield came[i];
      came = await action.call("next", { call });
    }
    over = true;
  } catch (error) {
    over = true;
    throw error;
  } finally {
    if (!over && !action.ended) await action.call("leave", { call });
  }
}
