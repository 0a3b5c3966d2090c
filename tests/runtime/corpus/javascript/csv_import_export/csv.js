/** Records with the line on which each ends. */
export function parse(text, delimiter = ",") {
  const records = [];
  let values = [];
  let value = "";
  let quoted = false;
  let line = 1;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === "\n") line++;
      if (c !== '"') value += c;
      else if (text[i + 1] === '"') value += text[++i];
      else quoted = false;
    } else if (c === '"') {
      quoted = true;
    } else if (c === delimiter) {
      values.push(value);
      value = "";
    } else if (c === "\n") {
      values.push(value.replace(/\r$/, ""));
      records.push({ line: line++, values });
      values = [];
      value = "";
    } else {
      value += c;
    }
  }
  if (value || values.length) records.push({ line, values: [...values, value] });
  return records;
}

const quote = (value) => (/[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

export const stringify = (rows) => rows.map((row) => row.map(quote).join(",") + "\n").join("");
