# SPDX-License-Identifier: Apache-2.0
"""What JavaScript apps can import: their own files only. And what they use in place of the rest.

Each sentence is read after "Module not available to apps: <name>".
"""

from collections.abc import Mapping

SUFFIXES = (".js", ".mjs")
"""Of files that are modules."""
TYPESCRIPT = (".ts", ".mts", ".cts", ".tsx")
"""Of files that never run as they are."""

_BY_SENTENCE = {
    "The platform serves the app: write `export default { async fetch(request, env, ctx) {...} }`.": (
        "node:http node:http2 node:https express fastify koa http https"
    ),
    "Apps reach the network through connectors only: `await env.NAME.tool({...})`.": (
        "node:net node:tls node:dns node:dgram cloudflare:sockets axios got node-fetch undici ky superagent openai "
        "@anthropic-ai/sdk stripe twilio net tls dns dgram"
    ),
    "Keep data with `await env.STATE.put(key, value)`, or `await env.STATE.sql(text, ...)`.": (
        "node:sqlite better-sqlite3 sqlite3 pg mysql mysql2 mongodb mongoose redis ioredis knex sequelize typeorm "
        "@prisma/client lowdb"
    ),
    "Apps have no file system. Keep data with `await env.STATE.put(key, value)`.": (
        "node:fs node:fs/promises fs fs/promises fs-extra"
    ),
    "Use the global `crypto`.": "node:crypto crypto",
    "Use `Uint8Array`, `TextEncoder`, `TextDecoder`, `atob` and `btoa`.": "node:buffer buffer",
    "Use the globals `URL` and `URLSearchParams`.": "node:url node:querystring url querystring",
    "Use `ReadableStream`.": "node:stream node:stream/web stream",
    "Use the global `setTimeout`.": "node:timers node:timers/promises timers timers/promises",
    "Use `console.log`.": "winston pino debug",
    "Apps have no processes, threads or environment. What they are given is in `env`.": (
        "node:process node:child_process node:worker_threads node:cluster node:os process child_process "
        "worker_threads cluster os dotenv"
    ),
    "Write `export default { async fetch(request, env, ctx) {...} }`: it needs no import.": (
        "cloudflare:workers cloudflare:workflows"
    ),
}
_INSTEAD: Mapping[str, str] = {name: sentence for sentence, names in _BY_SENTENCE.items() for name in names.split()}
_OF_NODE = "It is part of Node.js, which apps do not have."
_OF_CLOUDFLARE = "It is part of Cloudflare's platform."
_REMOTE = "Apps load no code from the network. Put the file into the bundle."
_PACKAGE = (
    "Bundle packages with your code: `npx esbuild app.js --bundle --format=esm --outfile=dist/app.js`. Or put the "
    "file beside the entry, and import it by its path."
)


def instead() -> Mapping[str, tuple[str, ...]]:
    """What to use, and in place of which modules."""
    return {sentence: tuple(names.split()) for sentence, names in _BY_SENTENCE.items()} | {
        _PACKAGE: ("other packages",)
    }


def in_place_of(specifier: str) -> str:
    """What to use in place of a module that is no file of the app."""
    parts = specifier.split("/")
    package = "/".join(parts[: 2 if specifier.startswith("@") else 1])
    if sentence := _INSTEAD.get(specifier) or _INSTEAD.get(package):
        return sentence
    scheme = specifier.partition(":")[0] if ":" in specifier else ""
    return {"": _PACKAGE, "node": _OF_NODE, "cloudflare": _OF_CLOUDFLARE}.get(scheme, _REMOTE)
