const EMAIL = /^[^@\s]+@[^@\s]+\.[a-z]{2,}$/i;
const escape = (s) => s.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

const rules = {
  name: (v) => !v && "Please tell us your name",
  email: (v) => !EMAIL.test(v) && "This is not an e-mail address",
  born: (v) => {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(v) || Number.isNaN(Date.parse(v))) return "Please write YYYY-MM-DD";
    return new Date(v) > new Date("2008-01-01") && "You are too young";
  },
  terms: (v) => v !== "on" && "Please accept the terms",
};

function validate(values) {
  const errors = new Map();
  for (const [field, rule] of Object.entries(rules)) {
    const message = rule(values[field]);
    if (message) errors.set(field, message);
  }
  return errors;
}

function form(values, errors, status = 200) {
  const inputs = ["name", "email", "born"].map((name) => {
    const error = errors.has(name) ? `<em>${escape(errors.get(name))}</em>` : "";
    return `<label>${name}<input name="${name}" value="${escape(values[name])}">${error}</label>`;
  });
  return new Response(`<form method='post'>${inputs.join("\n")}<input type='checkbox' name='terms'><button>Go</button></form>`, {
    status,
    headers: { "content-type": "text/html; charset=utf-8" },
  });
}

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/thanks") {
      const people = await env.STATE.list({ prefix: "person/" });
      return Response.json({ registered: Array.from(people.values(), ({ name }) => name) });
    }
    const empty = { name: "", email: "", born: "", terms: "" };
    if (request.method !== "POST") return form(empty, new Map());
    const data = await request.formData();
    const values = { ...empty };
    for (const [name, value] of data.entries()) if (name in values) values[name] = value.trim();
    const errors = validate(values);
    const key = `person/${values.email.toLowerCase()}`;
    if (errors.size === 0 && (await env.STATE.get(key))) errors.set("email", "This address is registered");
    if (errors.size) return form(values, errors, 422);
    await env.STATE.put(key, values);
    return new Response("", { status: 303, headers: { Location: "/thanks" } });
  },
};
