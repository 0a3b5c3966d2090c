export const CURRENCY = "CHF";
export const format = (cents) => `${CURRENCY} ${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
export { default as discount } from "../plugins/discount.js";
