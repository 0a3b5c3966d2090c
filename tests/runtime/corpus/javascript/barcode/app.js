const L = "0001101 0011001 0010011 0111101 0100011 0110001 0101111 0111011 0110111 0001011".split(" ");
const PARITY = "LLLLLL LLGLGG LLGGLG LLGGGL LGLLGG LGGLLG LGGGLL LGLGLG LGLGGL LGGLGL".split(" ");

const complement = (bits) => bits.replace(/[01]/g, (b) => (b === "1" ? "0" : "1"));
const reverse = (bits) => [...bits].reverse().join("");

function checkDigit(digits) {
  const sum = [...digits].reduce((total, d, i) => total + Number(d) * (i % 2 ? 3 : 1), 0);
  return (10 - (sum % 10)) % 10;
}

function ean13(code) {
  const [first, ...digits] = code;
  const left = digits.slice(0, 6).map((d, i) => (PARITY[first][i] === "L" ? L[d] : reverse(complement(L[d]))));
  const right = digits.slice(6).map((d) => complement(L[d]));
  return `101${left.join("")}01010${right.join("")}101`;
}

function normalised(code) {
  if (!/^\d{12,13}$/.test(code)) throw new RangeError("12 or 13 digits, please");
  const check = checkDigit(code.slice(0, 12));
  if (code.length === 13 && check !== Number(code[12])) throw new RangeError(`wrong check digit, should be ${check}`);
  return code.slice(0, 12) + check;
}

const svg = (code) => {
  const bars = [...ean13(code)].map((bit, x) => (bit === "1" ? `<rect x="${x}" width="1" height="50"/>` : "")).join("");
  return new Response(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 95 60">${bars}<text y="59">${code}</text></svg>`,
    { headers: new Headers({ "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400" }) },
  );
};

const text = (code) => {
  const bars = ean13(code).replaceAll("1", "█").replaceAll("0", " ");
  return new Response(bars, { headers: { "content-type": "text/plain; charset=utf-8" } });
};

export default {
  fetch({ url }) {
    const match = new URL(url).pathname.match(/^\/(?<code>[^/]+)\.(?<format>svg|txt)$/);
    if (!match) return new Response("Not found", { status: 404 });
    try {
      const code = normalised(match.groups.code);
      return match.groups.format === "svg" ? svg(code) : text(code);
    } catch (err) {
      return new Response(err.message, { status: 400 });
    }
  },
};
