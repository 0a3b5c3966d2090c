const CURRENCIES = ["EUR", "USD", "GBP"];

async function rates(env) {
  const found = await Promise.all(
    CURRENCIES.map((currency) => env.FX_RATES.latest({ base: "CHF", currency })),
  );
  return new Map(CURRENCIES.map((currency, i) => [currency, found[i].rate]));
}

const money = (value) => {
  const [francs, cents] = value.toFixed(2).split(".");
  return francs.replace(/(?<=\d)(?=(\d{3})+$)/g, ",") + "." + cents;
};

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/rates") {
      try {
        const table = await rates(env);
        return Response.json(Object.fromEntries([...table].map(([name, rate]) => [name, String(rate)])));
      } catch (e) {
        console.warn("rates unavailable", e.code);
        return Response.json({ error: "rates unavailable", code: e.code }, { status: 502 });
      }
    }
    if (pathname === "/table") {
      const amount = Number(searchParams.get("amount") ?? "1");
      if (Number.isNaN(amount)) return Response.json({ error: "amount must be a number" }, { status: 400 });
      let rows = "";
      for (const [currency, rate] of await rates(env)) {
        rows += `<tr><td>${currency}</td><td>${money(amount * rate)}</td></tr>`;
      }
      return new Response(`<table><caption>${amount} CHF</caption>${rows}</table>`, {
        headers: { "content-type": "text/html" },
      });
    }
    return new Response("Not Found", { status: 404 });
  },
};
