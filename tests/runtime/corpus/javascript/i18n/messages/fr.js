import english from "./en.js";

export default {
  ...english,
  title: "Bienvenue à tous",
  date: (d) => `${d.getUTCDate()}/${`${d.getUTCMonth() + 1}`.padStart(2, "0")}/${d.getUTCFullYear()}`,
};
