const OPTIONS = ["pizza", "pasta", "salad"];

function parseCookies(request) {
  const header = request.headers.get("Cookie") || "";
  return Object.fromEntries(
    header
      .split(";")
      .map((part) => part.trim().split("="))
      .filter(([name]) => name)
      .map(([name, ...rest]) => [name, decodeURIComponent(rest.join("="))]),
  );
}

async function vote(request, env) {
  const { option } = await request.json();
  if (!OPTIONS.includes(option)) {
    return Response.json({ error: "unknown option", options: OPTIONS }, { status: 422 });
  }
  const voter = parseCookies(request).voter ?? crypto.randomUUID();
  const previous = await env.STATE.get(`vote/${voter}`);
  await env.STATE.put(`vote/${voter}`, option);
  const response = Response.json({ voted: option, changed: previous !== null });
  response.headers.append("Set-Cookie", `voter=${voter}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax`);
  return response;
}

async function results(env) {
  const votes = await env.STATE.list({ prefix: "vote/", limit: 1000 });
  const counts = Object.fromEntries(OPTIONS.map((option) => [option, 0]));
  for (const option of votes.values()) counts[option]++;
  const total = votes.size;
  const rows = Object.entries(counts)
    .map(([option, n]) => ({ option, votes: n, percent: total ? Math.round((1000 * n) / total) / 10 : 0 }))
    .sort((a, b) => b.votes - a.votes || a.option.localeCompare(b.option));
  return Response.json({ total, results: rows });
}

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const route = `${request.method} ${pathname}`;
    switch (route) {
      case "POST /vote":
        return vote(request, env);
      case "GET /results":
        return results(env);
      default:
        return new Response("Not Found", { status: 404 });
    }
  },
};
