// SPDX-License-Identifier: Apache-2.0
/** The app that takes the rows of the web platform tests for URLs: for each file, how many pass, and which do not. */

import setters from "./setters_tests.json";
import ascii from "./toascii.json";
import urls from "./urltestdata.json";

function judged(rows, wrong) {
  const failed = [];
  let count = 0;
  for (const row of rows) {
    if (typeof row === "string") continue;
    count += 1;
    const why = wrong(row);
    if (why !== null) failed.push(why);
  }
  return { passed: count - failed.length, failed };
}

const differences = (url, expected) => Object.keys(expected).filter((part) => part in url && url[part] !== expected[part]);

function wrongUrl(row) {
  const url = URL.parse(row.input, row.base ?? undefined);
  if (url === null) return row.failure ? null : row.input;
  const { input, base, failure, ...parts } = row;
  return failure || differences(url, parts).some((part) => part !== "searchParams") ? row.input : null;
}

function wrongSetter(name) {
  return (row) => {
    const url = new URL(row.href);
    url[name] = row.new_value;
    return differences(url, row.expected).length > 0 ? `${name} ${row.href} ${row.new_value}` : null;
  };
}

const wrongHost = ({ input, output }) => ((URL.parse(`https://${input}/x`)?.host ?? null) === output ? null : input);

export default {
  fetch() {
    const { comment, ...names } = setters;
    const set = Object.keys(names).map((name) => judged(names[name], wrongSetter(name)));
    return Response.json({
      urltestdata: judged(urls, wrongUrl),
      setters: { passed: set.reduce((sum, { passed }) => sum + passed, 0), failed: set.flatMap(({ failed }) => failed) },
      toascii: judged(ascii, wrongHost),
    });
  },
};
