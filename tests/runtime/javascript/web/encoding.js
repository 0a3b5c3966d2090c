// SPDX-License-Identifier: Apache-2.0
import { equal, test, throws } from "./harness.js";

const bytes = (...values) => new Uint8Array(values);

test("texts become UTF-8, lone surrogates U+FFFD", () => {
  equal(new TextEncoder().encode("aé€\u{1f600}"), bytes(97, 195, 169, 226, 130, 172, 240, 159, 152, 128));
  equal(new TextEncoder().encode("\ud800a"), bytes(239, 191, 189, 97));
  equal(new TextEncoder().encode(), bytes());
});

test("encodeInto writes whole characters only", () => {
  const target = new Uint8Array(4);
  equal(new TextEncoder().encodeInto("a€é", target), { read: 2, written: 4 });
  equal(target, bytes(97, 226, 130, 172));
});

test("a character in pieces is read when its end comes", () => {
  const decoder = new TextDecoder();
  equal(decoder.decode(bytes(0xef, 0xbb), { stream: true }), "");
  equal(decoder.decode(bytes(0xbf, 0xf0, 0x9f), { stream: true }), "");
  equal(decoder.decode(bytes(0x98, 0x80, 97), { stream: true }), "\u{1f600}a");
  equal(decoder.decode(bytes(0xe2)), "\ufffd");
});

test("what is not UTF-8 is U+FFFD, or an error where it is asked for", () => {
  equal(new TextDecoder().decode(bytes(97, 0xff, 98, 0xe2, 0x82)), "a\ufffdb\ufffd");
  throws("TypeError", "", () => new TextDecoder("utf-8", { fatal: true }).decode(bytes(0xc0, 0x80)));
  equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf)), "\ufeff");
  equal(new TextDecoder().decode(bytes(0xef, 0xbb, 0xbf)), "");
});

test("UTF-16 and windows-1252 are read", () => {
  equal(new TextDecoder("utf-16").decode(bytes(0x3d, 0xd8, 0x00, 0xde, 0x61)), "\u{1f600}\ufffd");
  equal(new TextDecoder("utf-16be").decode(bytes(0, 0x61)), "a");
  equal(new TextDecoder("latin1").decode(bytes(0x80, 0xe9)), "€é");
  equal(new TextDecoder(" ASCII ").encoding, "windows-1252");
});

test("other encodings are refused by name", () => throws("RangeError", "shift_jis", () => new TextDecoder("shift_jis")));
test("only bytes are read", () => throws("TypeError", "ArrayBuffer", () => new TextDecoder().decode("a")));
