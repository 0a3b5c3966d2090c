# SPDX-License-Identifier: Apache-2.0
"""What a code generator is told about apps in JavaScript. Tests run each example in the engine."""

from __future__ import annotations

from collections.abc import Iterator

from genapps.api.modules import javascript

GLOBALS = (
    "AbortController", "AbortSignal", "Blob", "Event", "EventTarget", "File", "FormData", "Headers", "ReadableStream",
    "Request", "Response", "TextDecoder", "TextEncoder", "TransformStream", "URL", "URLSearchParams", "WritableStream",
    "clearTimeout", "console", "crypto", "setTimeout", "structuredClone",
)  # fmt: skip
"""Those that apps use most."""

START = """\
Write one file `app.js`, or a few ES modules beside it, in the form of a Worker. It answers HTTP
requests as a WebAssembly guest, without sockets, processes, threads and environment variables.

```javascript
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const name = decodeURIComponent(pathname.slice("/notes/".length));
    if (pathname === "/notes") {
      const notes = await env.STATE.list({ prefix: "note/" });
      return Response.json([...notes.keys()]);
    }
    if (!pathname.startsWith("/notes/") || !name) {
      return Response.json({ error: "Ask for /notes or /notes/NAME." }, { status: 404 });
    }
    if (request.method === "PUT") {
      const note = await request.json();
      if (typeof note?.text !== "string") {
        return Response.json({ error: "Send an object with a text." }, { status: 400 });
      }
      await env.STATE.put(`note/${name}`, { text: note.text });
      env.LOG.info("written", { name });
      return Response.json({ written: name }, { status: 201 });
    }
    return Response.json((await env.STATE.get(`note/${name}`)) ?? { text: "" });
  },
};
```

## API

- `fetch(request, env, ctx)` of the default export gives a `Response`. An exception answers 500, and
  its text goes into the log only. `scheduled(controller, env, ctx)` runs for schedules of the app.
- `env.LOG.info(message, {name: value})`, and `debug`, `warning`, `error`; `console` goes to the same
  place.
- `ctx.waitUntil(promise)`: the answer waits for it too.
- Files below `public/` are served as they are: `public/index.html` is the page at `/`. Other files
  are modules: a default export of text, of the value of a `.json`, or of bytes.
- Not there: `fetch` of the network (use the connectors of `env`), `eval`, `new Function`, Node.js.

## State

`await env.STATE.get(key)` gives the value or null; `put(key, value)`, `delete(key)`, and
`list({prefix, limit, cursor})`, a `Map` with a `cursor` that is null at the end. Values are JSON. Or
tables of SQLite, whose rows are objects:

```javascript
export default {
  async fetch(request, env) {
    await env.STATE.sql("CREATE TABLE IF NOT EXISTS guests (name TEXT PRIMARY KEY)");
    if (request.method === "POST") {
      await env.STATE.sql("INSERT OR IGNORE INTO guests VALUES (?)", await request.text());
    }
    return Response.json(await env.STATE.sql("SELECT name FROM guests ORDER BY name"));
  },
};
```

- All writes of a request are stored together, before the answer; none when it fails.
- A handler may run more than once for one request: do nothing that must not happen twice, except by
  state and tools.
- An object at the top of a file (`const items = []`) is lost at any time. Keep data in state.
"""

TOOLS = """\
The app reaches other services by tools of connectors only. The connector `fx-rates` is
`env.FX_RATES`, and its tools are methods that take an object of arguments. A call that is refused
or fails rejects with an error that has `code`, `class`, `detail` and `retryAfter`. Calls can be
made at the same time.

```javascript
export default {
  async fetch(request, env) {
    const rate = async (currency) => {
      try {
        return await env.FX_RATES.latest({ currency });
      } catch (error) {
        return { failed: error.code };
      }
    };
    const [EUR, USD] = await Promise.all([rate("EUR"), rate("USD")]);
    return Response.json({ EUR, USD });
  },
};
```
"""


def modules() -> Iterator[str]:
    """What can be imported, what is there without, and what to use in place of the rest."""
    suffixes = " or ".join(f"`{suffix}`" for suffix in javascript.SUFFIXES)
    yield f'An app can import its own files only, by their paths: `import {{ sum }} from "./lib/sum.js"`, {suffixes}.'
    yield ""
    yield f"Globals, as in browsers: {', '.join(GLOBALS)}."
    yield ""
    yield "In place of modules and packages:"
    yield ""
    yield from (f"- {', '.join(names)}: {sentence}" for sentence, names in javascript.instead().items())
