export default {
  title: "Grüezi",
  count: (n) => `${n} Nachricht${n === 1 ? "" : "en"}`,
  date: (d) => [d.getUTCDate(), d.getUTCMonth() + 1, d.getUTCFullYear()].join("."),
};
