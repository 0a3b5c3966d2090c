// Modules that are imported when they are needed, a binary file, and JSON.
import * as prices from "./shop/prices.js";
import products from "./shop/products.json";
import pixel from "./shop/pixel.gif";

const notFound = (what) => Response.json({ error: `no ${what}` }, { status: 404 });

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/pixel.gif") return new Response(pixel, { headers: { "content-type": "image/gif" } });
    const match = /^\/products\/(\w+)(?:\/(\w+))?$/.exec(pathname);
    if (!match) return Response.json(products.map(({ name, cents }) => ({ name, price: prices.format(cents) })));
    const [, name, plugin] = match;
    const product = products.find((one) => one.name === name);
    if (!product) return notFound("such product");
    if (!plugin) return Response.json({ ...product, price: prices.format(product.cents) });
    try {
      const { default: run } = await import(`./plugins/${plugin}.js`);
      return Response.json(run(product, searchParams));
    } catch (error) {
      console.error(error.message);
      return notFound("such plugin");
    }
  },
};
