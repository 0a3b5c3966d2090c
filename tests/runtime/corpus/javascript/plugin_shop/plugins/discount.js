import { format } from "../shop/prices.js"; // imports us as well

export default function discount(product, parameters) {
  const percent = Number(parameters.get("percent") ?? 10);
  return { name: product.name, price: format(Math.round((product.cents * (100 - percent)) / 100)) };
}
