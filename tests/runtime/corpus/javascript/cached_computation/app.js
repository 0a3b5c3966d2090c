const MAX = 200_000;
const sieves = new Map();

function primes(limit) {
  if (sieves.has(limit)) return sieves.get(limit);
  const sieve = new Uint8Array(limit + 1).fill(1);
  sieve.fill(0, 0, 2);
  for (let n = 2; n * n <= limit; n++) {
    if (sieve[n]) for (let m = n * n; m <= limit; m += n) sieve[m] = 0;
  }
  const found = [];
  sieve.forEach((prime, n) => prime && found.push(n));
  sieves.set(limit, found);
  return found;
}

function* collatz(n) {
  yield n;
  while (n !== 1) {
    n = n % 2 === 0 ? n / 2 : 3 * n + 1;
    yield n;
  }
}

const stable = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, stable(value[key])]))
    : value;

async function cacheKey(value) {
  const bytes = new TextEncoder().encode(JSON.stringify(stable(value)));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return "cache/" + Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export default {
  async fetch(request, env) {
    const [kind, argument] = new URL(request.url).pathname.slice(1).split("/");
    const n = parseInt(argument, 10);
    if (kind === "primes") {
      if (n > MAX) return Response.json({ error: "too large" }, { status: 400 });
      const found = primes(n);
      return Response.json({ count: found.length, largest: found.at(-1) ?? null });
    }
    if (kind === "collatz") return Response.json({ n, steps: [...collatz(n)].length });
    if (kind === "expensive" && request.method === "POST") {
      const body = await request.json();
      const key = await cacheKey(body);
      const cached = await env.STATE.get(key);
      if (cached !== null) return Response.json({ result: cached }, { headers: { "X-Cache": "hit" } });
      const result = primes(body.limit).reduce((a, b) => a + b, 0);
      await env.STATE.put(key, result);
      return Response.json({ result }, { headers: { "X-Cache": "miss" } });
    }
    return new Response("Not found", { status: 404 });
  },
};
