import { page, escapeHtml } from "./html.js";

const load = async (env) => (await env.STATE.get("todos")) ?? [];
const seeOther = (location) => new Response(null, { status: 303, headers: { Location: location } });

async function index(request, env) {
  const todos = await load(env);
  const items = todos
    .map(
      ({ id, title, done }) => `<li class="${done ? "done" : "open"}">${escapeHtml(title)}
        <form method="post" action="/toggle/${id}"><button>Toggle</button></form></li>`,
    )
    .join("");
  const done = todos.filter((todo) => todo.done).length;
  return page("To-do", `<h1>My to-do list</h1>
<form method="post" action="/add"><input name="title" required><button>Add</button></form>
<ul>${items}</ul>
<p>${todos.length - done} open, ${done} done</p>`);
}

async function add(request, env) {
  const form = await request.formData();
  const title = (form.get("title") || "").trim();
  if (!title) return new Response("Title is required", { status: 400 });
  const todos = await load(env);
  todos.push({ id: crypto.randomUUID(), title, done: false });
  await env.STATE.put("todos", todos);
  return seeOther("/");
}

async function toggle(request, env, id) {
  const todos = await load(env);
  const todo = todos.find((one) => one.id === id);
  if (!todo) return Response.json({ error: "not found" }, { status: 404 });
  todo.done = !todo.done;
  await env.STATE.put("todos", todos);
  return seeOther("/");
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const parts = url.pathname.split("/").filter(Boolean);
    if (request.method === "GET" && parts.length === 0) return index(request, env);
    if (request.method === "POST" && parts[0] === "add") return add(request, env);
    if (request.method === "POST" && parts[0] === "toggle") return toggle(request, env, parts[1]);
    return new Response("Not found", { status: 404 });
  },
};
