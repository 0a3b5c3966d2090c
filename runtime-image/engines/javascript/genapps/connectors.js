// SPDX-License-Identifier: Apache-2.0
// Tools of the connectors in the app's envelope: `env.FX_RATES.latest({currency: "EUR"})`. The gateway decides about
// every call.

/** The name in `env` of a connector: `fx-rates` is `FX_RATES`. */
export const bindingOf = (connector) => connector.toUpperCase().replaceAll("-", "_");

/** One connector for one action: its tools are methods. `call` and `stream` take the tool's name. */
export function connectorOf(action, connector) {
  const own = {
    __proto__: null,
    /** Call a tool; gives its result as JSON values. Rejects with ToolError. */
    call: (tool, args) => action.call("tool", payloadOf(connector, tool, args)),
    /** The pieces of an answer that comes piece by piece: `for await (const piece of env.MODEL.stream("chat", {…}))`. */
    stream: (tool, args) => pieces(action, payloadOf(connector, tool, args)),
  };
  return new Proxy(own, {
    __proto__: null,
    get(target, name) {
      if (typeof name !== "string" || name === "then") return undefined; // it is no promise
      return target[name] ?? ((args) => own.call(name, args));
    },
    set: () => false,
    defineProperty: () => false,
  });
}

function payloadOf(connector, tool, args = {}) {
  if (typeof args !== "object" || args === null) throw new TypeError("a tool takes an object of arguments");
  return { connector, tool: `${tool}`, arguments: args };
}

async function* pieces(action, payload) {
  payload.stream = true;
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
