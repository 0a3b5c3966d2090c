// SPDX-License-Identifier: Apache-2.0
/** Tests that run in the engine itself, in an app: each file calls `test`, and `run` gives what came out. */

const tests = [];

/** @param {string} name a sentence @param {() => unknown} work may be async; a test passes when it does not throw */
export function test(name, work) {
  tests.push({ name, work });
}

/** @returns {Promise<{ passed: number, failed: string[] }>} the failed ones with what was wrong */
export async function run() {
  const failed = [];
  for (const { name, work } of tests) {
    try {
      await work();
    } catch (error) {
      failed.push(`${name}: ${error?.name}: ${error?.message}\n${error?.stack ?? ""}`);
    }
  }
  return { passed: tests.length - failed.length, failed };
}

function text(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name} ${text([...value])}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} [${[...value]}]`;
  if (Array.isArray(value)) return `[${Array.from(value, text).join(", ")}]`;
  return `{${Object.keys(value).map((name) => `${name}: ${text(value[name])}`).join(", ")}}`;
}

/** Throws unless both have the same members. */
export function equal(actual, expected) {
  if (text(actual) !== text(expected)) throw new Error(`${text(actual)} instead of ${text(expected)}`);
}

function judge(error, kind, words) {
  if (error?.name !== kind) throw new Error(`${error?.name}: ${error?.message} instead of ${kind}`);
  if (!error.message.includes(words)) throw new Error(`"${error.message}" does not say "${words}"`);
}

/** Throws unless `work` throws an error of that name, with these words in its message. */
export function throws(kind, words, work) {
  try {
    work();
  } catch (error) {
    judge(error, kind, words);
    return;
  }
  throw new Error(`nothing was thrown instead of ${kind}`);
}

/** The same for a promise. */
export async function rejects(kind, words, promise) {
  try {
    await promise;
  } catch (error) {
    judge(error, kind, words);
    return;
  }
  throw new Error(`nothing was rejected instead of ${kind}`);
}
