// A page that follows votes with EventSource, and a CSV that is written while it is sent.
const OPTIONS = ["pizza", "salad", "soup"];
const encoder = new TextEncoder();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function results(env) {
  const counts = await Promise.all(OPTIONS.map((option) => env.STATE.get(`votes/${option}`)));
  return Object.fromEntries(OPTIONS.map((option, i) => [option, counts[i] ?? 0]));
}

function live(request, env) {
  const url = new URL(request.url);
  const rounds = Number(url.searchParams.get("rounds") ?? 40);
  let seen = Number(request.headers.get("last-event-id") ?? -1);
  const stream = new ReadableStream({
    async start(controller) {
      for (let round = 0; round < rounds; round++) {
        if (round) await sleep(100);
        const found = await results(env);
        const sum = Object.values(found).reduce((a, b) => a + b);
        if (sum === seen) continue;
        seen = sum;
        controller.enqueue(encoder.encode(`id: ${sum}\nretry: 1000\ndata: ${JSON.stringify(found)}\n\n`));
      }
      controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}

async function csv(env) {
  const votes = Object.entries(await results(env));
  return new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(encoder.encode("option,votes\n")),
      pull(controller) {
        const next = votes.shift();
        if (next) controller.enqueue(encoder.encode(next.join(",") + "\n"));
        else controller.close();
      },
    }),
    { headers: { "content-type": "text/csv" } },
  );
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/live") return live(request, env);
    if (pathname === "/export.csv") return csv(env);
    if (request.method === "POST" && pathname.startsWith("/votes/")) {
      const option = pathname.slice("/votes/".length);
      if (!OPTIONS.includes(option)) return new Response(`choose one of ${OPTIONS.join(", ")}`, { status: 400 });
      await env.STATE.put(`votes/${option}`, ((await env.STATE.get(`votes/${option}`)) ?? 0) + 1);
      return Response.json(await results(env), { status: 201 });
    }
    return new Response("<script>new EventSource('/live').onmessage = (e) => (out.textContent = e.data)</script>", {
      headers: { "content-type": "text/html" },
    });
  },
};
