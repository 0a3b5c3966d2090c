// Words that differ between two texts, with a page to try it.
const TOKENS = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|\s+|[^\p{L}\p{N}\s]/gu;

const tokenize = (text) => text.normalize("NFC").match(TOKENS) ?? [];

function lcs(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

function* diff(a, b) {
  const table = lcs(a, b);
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) yield ["same", a[i++], j++];
    else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) yield ["del", a[i++]];
    else yield ["ins", b[j++]];
  }
}

function merged(steps) {
  const runs = [];
  for (const [kind, text] of steps) {
    const last = runs.at(-1);
    if (last?.kind === kind) last.text += text;
    else runs.push({ kind, text });
  }
  return runs;
}

const mark = ({ kind, text }) => (kind === "same" ? text : kind === "del" ? `[-${text}-]` : `{+${text}+}`);

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("POST {old, new}", { status: 405, headers: { allow: "POST" } });
    const data = await request.json().catch((error) => error);
    if (typeof data?.old !== "string" || typeof data?.new !== "string") {
      const why = data instanceof SyntaxError ? "the body is not JSON" : "old and new must be texts";
      return Response.json({ error: why }, { status: 400 });
    }
    const runs = merged(diff(tokenize(data.old), tokenize(data.new)));
    if (new URL(request.url).searchParams.has("text")) return new Response(runs.map(mark).join(""));
    const { same = [], ...changed } = Object.groupBy(runs, ({ kind }) => kind);
    return Response.json({ equal: same.length, changed: Object.keys(changed).sort(), runs });
  },
};
