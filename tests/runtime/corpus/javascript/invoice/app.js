// Money in BigInt, as 1/10000: no floats.
const SCALE = 10_000n;
const VAT = "0.081";

function decimal(text) {
  const match = /^(-?)(\d+)(?:\.(\d{1,4}))?$/.exec(String(text));
  if (!match) throw new SyntaxError(`not a number: ${text}`);
  const [, sign, whole, fraction = ""] = match;
  const value = BigInt(whole) * SCALE + BigInt(fraction.padEnd(4, "0"));
  return sign ? -value : value;
}

const times = (a, b) => (a * b) / SCALE;
const toCents = (value) => (value + 50n) / 100n; // half up
const show = (cents) => `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;

function isoDate(text, days = 0) {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) throw new RangeError(`not a date: ${text}`);
  const date = new Date(`${text}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(text)) throw new RangeError(`not a date: ${text}`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

const pretty = (data, status = 200) =>
  new Response(JSON.stringify(data, null, 2), { status, headers: { "content-type": "application/json" } });

async function create(request, { STATE }) {
  const data = await request.json();
  let invoice;
  try {
    const lines = data.lines.map(({ description, quantity, price }) => {
      decimal(quantity), decimal(price);
      return { description, quantity: String(quantity), price };
    });
    invoice = { issued: isoDate(data.issued), due: isoDate(data.issued, 30), currency: data.currency ?? "CHF", vat_rate: VAT, lines };
  } catch (e) {
    return pretty({ error: `invalid invoice: ${e.message}` }, 400);
  }
  const counter = ((await STATE.get("counter")) ?? 0) + 1;
  const number = `${invoice.issued.slice(0, 4)}-${String(counter).padStart(4, "0")}`;
  await STATE.put("counter", counter);
  await STATE.put(`invoice/${number}`, { number, ...invoice });
  const net = invoice.lines.reduce((sum, line) => sum + toCents(times(decimal(line.quantity), decimal(line.price))), 0n);
  const vat = toCents(times(net * 100n, decimal(VAT)));
  return pretty({ number, ...invoice, net: show(net), vat: show(vat), gross: show(net + vat) }, 201);
}

export default {
  async fetch(request, env) {
    const [, , number] = new URL(request.url).pathname.split("/");
    if (request.method === "POST") return create(request, env);
    const invoice = await env.STATE.get(`invoice/${number}`);
    return invoice ? pretty(invoice) : pretty({ error: "no such invoice" }, 404);
  },
};
