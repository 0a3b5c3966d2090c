import layout from "./layout.html";

const ITEMS = [
  { title: "Pen", price: 1.5 },
  { title: "Paper <A4>", price: 12 },
];

const escapes = new Map([["&", "&amp;"], ["<", "&lt;"], [">", "&gt;"], ['"', "&quot;"], ["'", "&#x27;"]]);
const escape = (text) => [...String(text)].map((c) => escapes.get(c) ?? c).join("");

class Html extends String {}

function html(strings, ...values) {
  const one = (value) => (Array.isArray(value) ? value.map(one).join("") : value instanceof Html ? value : escape(value));
  return new Html(strings.reduce((text, part, i) => text + one(values[i - 1]) + part));
}

const fill = (template, values) => template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => values[name]);

export default {
  fetch(request) {
    const name = new URL(request.url).searchParams.get("name") || "you";
    const rows = ITEMS.map(({ title, price }) => html`<li>${title}: ${price.toFixed(2)}</li>`);
    const body = html`<h1>Hello ${`'${name}'`}</h1><ul>${rows}</ul>`;
    return new Response(fill(layout, { title: escape(name), body }), {
      headers: { "content-type": "text/html;charset=utf-8" },
    });
  },
};
