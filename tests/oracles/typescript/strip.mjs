// SPDX-License-Identifier: Apache-2.0
// Node.js strips types: each line of the input is a TypeScript text as JSON, each of the output `{"stripped"}`, or
// `{"refused"}` with what it says. With `parse` instead of a text it says whether Node.js takes a text as a module.

import { stripTypeScriptTypes } from "node:module";
import { createInterface } from "node:readline";
import { SourceTextModule } from "node:vm";

function answered({ text, parse }) {
  try {
    if (parse === undefined) return { stripped: stripTypeScriptTypes(text, { mode: "strip" }) };
    new SourceTextModule(parse);
    return { parsed: true };
  } catch (error) {
    return { refused: `${error.message}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answered(JSON.parse(line)))}\n`);
}
