const SOURCES = ["CRM", "BILLING", "TICKETS"];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function withTimeout(promise, ms) {
  return Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new DOMException("timed out", "TimeoutError")), ms)),
  ]);
}

async function ask(env, source, customer) {
  try {
    return await withTimeout(env[source].find({ customer }), 500);
  } catch (err) {
    if (err.name === "TimeoutError") return { error: "timeout" };
    if (err.name === "ToolError") return { error: err.code };
    throw err;
  }
}

async function overview(env, customer) {
  const results = await Promise.all(SOURCES.map((source) => ask(env, source, customer)));
  return Object.fromEntries(SOURCES.map((source, i) => [source.toLowerCase(), results[i]]));
}

async function order() {
  const seen = [];
  const work = async (name, ms) => {
    await sleep(ms);
    seen.push(name);
    return name;
  };
  const settled = await Promise.allSettled([work("b", 40), work("a", 10)]);
  return { seen, results: settled.map(({ value }) => value) };
}

export default {
  async fetch(request, env) {
    const [page, customer] = new URL(request.url).pathname.split("/").filter(Boolean);
    switch (page) {
      case "customers":
        return Response.json(await overview(env, customer));
      case "first": {
        const first = await Promise.any(SOURCES.slice(0, 2).map((source) => env[source].find({ customer })));
        return Response.json({ answers: first !== undefined });
      }
      case "slow":
        try {
          await withTimeout(sleep(30_000), 50);
          return new Response("done");
        } catch {
          return Response.json({ error: "too slow" }, { status: 504 });
        }
      case "order":
        return Response.json(await order());
    }
    return new Response(null, { status: 404 });
  },
};
