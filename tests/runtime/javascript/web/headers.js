// SPDX-License-Identifier: Apache-2.0
import { equal, test, throws } from "./harness.js";

test("names count in any case, and come in lower case and in order", () => {
  const headers = new Headers({ "X-B": "1", "x-a": " 2 ", Accept: "3" });
  headers.append("X-A", "4");
  equal([...headers], [["accept", "3"], ["x-a", "2, 4"], ["x-b", "1"]]);
  equal(headers.get("ACCEPT"), "3");
  equal(headers.has("x-c"), false);
});

test("cookies that are set stay apart", () => {
  const headers = new Headers([["set-cookie", "a=1"], ["Set-Cookie", "b=2"]]);
  equal(headers.getSetCookie(), ["a=1", "b=2"]);
  equal([...headers.values()], ["a=1", "b=2"]);
});

test("set replaces all values of a name at the place of the first", () => {
  const headers = new Headers([["a", "1"], ["b", "2"], ["a", "3"]]);
  headers.set("A", "4");
  equal(headers.get("a"), "4");
  headers.delete("a");
  equal([...headers.keys()], ["b"]);
});

for (const name of ["", "a b", "é", "a:", "a\n", "\u{1f600}"]) {
  test(`${JSON.stringify(name)} is no name of a header`, () => {
    throws("TypeError", "not the name of a header", () => new Headers([[name, "1"]]));
  });
}

for (const [value, words] of [["a\nb", "line break"], ["a\0b", "line break or a NUL"], ["\u0100", "above U+00FF"]]) {
  test(`a value with ${JSON.stringify(value)} is refused`, () => {
    throws("TypeError", words, () => new Headers().set("a", value));
  });
}

test("a list holds pairs only", () => throws("TypeError", "pairs", () => new Headers([["a", "b", "c"]])));
test("a symbol as a name is refused", () => throws("TypeError", "", () => new Headers({ [Symbol("a")]: "b" })));
test("null is no list of headers", () => throws("TypeError", "", () => new Headers(null)));

test("what an app does to the language's own prototypes changes nothing", () => {
  const before = [String.prototype.toLowerCase, RegExp.prototype.exec, Array.prototype.push];
  String.prototype.toLowerCase = () => "evil";
  RegExp.prototype.exec = () => null;
  Array.prototype.push = () => 0;
  Object.prototype.polluted = "x-evil";
  try {
    equal(new Headers({ "X-Two": "2" }).get("x-TWO"), "2");
  } finally {
    [String.prototype.toLowerCase, RegExp.prototype.exec, Array.prototype.push] = before;
    delete Object.prototype.polluted;
  }
});
