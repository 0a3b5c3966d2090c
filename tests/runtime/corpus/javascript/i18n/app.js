import en from "./messages/en.js";
import de from "./messages/de.js";
import fr from "./messages/fr.js";

const MESSAGES = { en, de, fr };

function negotiate(header) {
  return (
    header
      .split(",")
      .map((part) => {
        const [tag, q] = part.trim().split(";q=");
        return { language: tag.toLowerCase().split("-")[0], weight: q === undefined ? 1 : parseFloat(q) };
      })
      .filter(({ weight }) => weight > 0)
      .sort((a, b) => b.weight - a.weight)
      .find(({ language }) => language in MESSAGES)?.language ?? "en"
  );
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const chosen = url.pathname.match(/^\/lang\/(?<language>\w+)$/)?.groups.language;
    if (chosen) {
      if (!Object.hasOwn(MESSAGES, chosen)) return Response.json({ error: "unsupported" }, { status: 404 });
      return new Response(null, {
        status: 302,
        headers: [["location", "/"], ["set-cookie", `lang=${chosen}; Path=/; Max-Age=31536000`]],
      });
    }
    const cookies = new Map((request.headers.get("cookie") ?? "").split(/;\s*/).map((c) => c.split("=")));
    const language = cookies.get("lang") ?? negotiate(request.headers.get("accept-language") ?? "");
    const { title, count, date } = MESSAGES[language];
    const n = Number(url.searchParams.get("n") ?? 0);
    const body = `<h1>${title}</h1><p>${count(n)}</p><p>${date(new Date(Date.UTC(2026, 2, 1)))}</p>`;
    return new Response(`<html lang="${language}">${body}</html>`, {
      headers: { "Content-Type": "text/html; charset=utf-8", "Content-Language": language, Vary: "Accept-Language" },
    });
  },
};
