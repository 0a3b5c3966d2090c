const UNITS = {
  length: { m: 1, km: 1000, mi: 1609.344, ft: 0.3048 },
  mass: { kg: 1, g: 0.001, lb: 0.45359237 },
};

class BadRequest extends Error {}

function find(unit) {
  for (const [kind, units] of Object.entries(UNITS)) {
    if (Object.hasOwn(units, unit)) return { kind, factor: units[unit] };
  }
  throw new BadRequest(`unknown unit: ${unit}`);
}

function thousands(number, digits) {
  const [whole, fraction] = number.toFixed(digits).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction}`;
}

function convert([value, source, target]) {
  const number = Number(value);
  if (!Number.isFinite(number)) throw new BadRequest("the number must be finite");
  const from = find(source);
  const to = find(target);
  if (from.kind !== to.kind) throw new BadRequest(`cannot convert ${from.kind} to ${to.kind}`);
  const result = (number * from.factor) / to.factor;
  return {
    input: `${number} ${source}`,
    result: Math.round(result * 1e6) / 1e6,
    text: `${thousands(result, 3)} ${target}`,
  };
}

function temperature([text]) {
  const celsius = Number.parseFloat(text);
  if (Number.isNaN(celsius)) throw new TypeError(`not a temperature: ${text}`);
  return { celsius, fahrenheit: (celsius * 9) / 5 + 32, kelvin: celsius + 273.15 };
}

const handlers = { convert, temperature };

export default {
  async fetch(request) {
    const [name, ...args] = new URL(request.url).pathname.slice(1).split("/");
    const handler = handlers[name];
    if (handler === undefined) return new Response("Not found", { status: 404 });
    try {
      return Response.json(handler(args));
    } catch (error) {
      if (error instanceof BadRequest) return Response.json({ error: error.message }, { status: 400 });
      throw error;
    }
  },
};
