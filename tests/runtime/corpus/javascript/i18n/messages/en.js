const MONTHS = "January February March April May June July August September October November December".split(" ");

export default {
  title: "Welcome",
  count: (n) => (n === 1 ? `${n} message` : `${n} messages`),
  date: (d) => `${MONTHS[d.getUTCMonth()]} ${d.getUTCDate()}, ${d.getUTCFullYear()}`,
};
