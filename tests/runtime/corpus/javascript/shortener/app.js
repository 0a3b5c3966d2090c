// URL shortener: POST /shorten {"url": "https://..."} -> short code
const CODE_LENGTH = 6;
const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

function makeCode() {
  const bytes = crypto.getRandomValues(new Uint8Array(CODE_LENGTH));
  return Array.from(bytes, (b) => ALPHABET[b % ALPHABET.length]).join("");
}

const json = (data, status = 200) => Response.json(data, { status });

function isHttpUrl(value) {
  try {
    const { protocol, hostname } = new URL(value);
    return (protocol === "http:" || protocol === "https:") && hostname !== "";
  } catch {
    return false;
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);

    if (pathname === "/shorten" && request.method === "POST") {
      const { url = "" } = await request.json();
      if (!isHttpUrl(url)) return json({ error: "url must be an absolute http(s) URL" }, 400);
      let code;
      do {
        code = makeCode();
      } while ((await env.STATE.get(`url/${code}`)) !== null);
      await env.STATE.put(`url/${code}`, { url, hits: 0 });
      return json({ code, short: `http://${request.headers.get("host")}/${code}` }, 201);
    }

    const stats = pathname.match(/^\/stats\/(\w+)$/);
    const code = stats ? stats[1] : pathname.slice(1);
    const entry = code ? await env.STATE.get(`url/${code}`) : null;
    if (!entry) return json({ error: "unknown code" }, 404);
    if (stats) return json(entry);
    await env.STATE.put(`url/${code}`, { ...entry, hits: entry.hits + 1 });
    return Response.redirect(entry.url, 302);
  },
};
