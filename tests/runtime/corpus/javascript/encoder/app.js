// Encodes and decodes texts: base64, hex, percent, UTF-16, ROT13, Morse.
const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder("utf-8", { fatal: true }).decode(data);
const binary = (data) => Array.from(data, (byte) => String.fromCharCode(byte)).join("");

const MORSE = Object.fromEntries(
  "a.- b-... c-.-. d-.. e. f..-. g--. h.... i.. j.--- k-.- l.-.. m-- n-. o--- p.--. q--.- r.-. s... t- u..- v...- w.-- x-..- y-.-- z--.."
    .split(" ")
    .map(([letter, ...code]) => [letter, code.join("")]),
);
const LETTERS = Object.fromEntries(Object.entries(MORSE).map(([letter, code]) => [code, letter]));

const rot13 = (s) => s.replace(/[a-z]/gi, (c) => String.fromCharCode((c <= "Z" ? 90 : 122) >= (c = c.charCodeAt(0) + 13) ? c : c - 26));

const codecs = {
  base64: { encode: (s) => btoa(binary(bytes(s))), decode: (s) => text(Uint8Array.from(atob(s), (c) => c.charCodeAt(0))) },
  hex: {
    encode: (s) => Array.from(bytes(s), (b) => b.toString(16).padStart(2, "0")).join(""),
    decode: (s) => text(new Uint8Array(s.match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16)))),
  },
  percent: { encode: encodeURIComponent, decode: decodeURIComponent },
  form: { encode: (s) => new URLSearchParams({ q: s }).toString(), decode: (s) => new URLSearchParams(s).get("q") },
  utf16: {
    encode: (s) => s.split("").map((c) => c.charCodeAt(0).toString(16).padStart(4, "0")).join(" "),
    decode: (s) => String.fromCharCode(...s.split(" ").map((unit) => parseInt(unit, 16))),
  },
  rot13: { encode: rot13, decode: rot13 },
  morse: {
    encode: (s) => s.toLowerCase().split(" ").map((word) => [...word].map((c) => MORSE[c] ?? "?").join(" ")).join(" / "),
    decode: (s) => s.split(" / ").map((word) => word.split(" ").map((code) => LETTERS[code] ?? "?").join("")).join(" "),
  },
};

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const [codec, direction = "encode"] = url.pathname.slice(1).split("/");
    if (codec === "") return Response.json(Object.keys(codecs));
    const run = codecs[codec]?.[direction];
    if (!run) return new Response(`unknown: ${codec}/${direction}`, { status: 404 });
    const input = request.method === "POST" ? await request.text() : url.searchParams.get("q");
    try {
      return new Response(run(input ?? ""));
    } catch (error) {
      return Response.json({ error: `this is not ${codec}`, name: error.name }, { status: 400 });
    }
  },
};
