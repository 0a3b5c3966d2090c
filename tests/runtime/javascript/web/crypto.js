// SPDX-License-Identifier: Apache-2.0
import { equal, rejects, test, throws } from "./harness.js";

const bytes = (text) => new TextEncoder().encode(text);
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const hmac = (hash, uses = ["sign", "verify"], key = "Jefe") => crypto.subtle.importKey("raw", bytes(key), { name: "HMAC", hash }, true, uses);

// FIPS 180-4 examples, the message "abc".
for (const [name, expected] of [
  ["SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["SHA-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["SHA-384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"],
  ["SHA-512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"],
]) {
  test(`${name} of abc is what the standard says`, async () => {
    equal(hex(await crypto.subtle.digest(name, bytes("abc"))), expected);
    equal(hex(await crypto.subtle.digest({ name: name.toLowerCase() }, bytes("abc").buffer)), expected);
  });
}

// RFC 4231, test case 2.
for (const [hash, expected] of [
  ["SHA-256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  ["SHA-384", "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"],
  ["SHA-512", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"],
]) {
  test(`HMAC with ${hash} signs and verifies as its RFC says`, async () => {
    const key = await hmac(hash);
    const data = bytes("what do ya want for nothing?");
    const signature = await crypto.subtle.sign("HMAC", key, data);
    equal(hex(signature), expected);
    equal(await crypto.subtle.verify("HMAC", key, signature, data), true);
    const other = new Uint8Array(signature.slice(0));
    other[other.length - 1] ^= 1;
    equal(await crypto.subtle.verify("HMAC", key, other, data), false);
    equal(await crypto.subtle.verify("HMAC", key, signature.slice(1), data), false);
  });
}

test("a key does what it was made for, and no more", async () => {
  const signing = await hmac("SHA-256", ["sign"]);
  await rejects("InvalidAccessError", "verify", crypto.subtle.verify("HMAC", signing, bytes(""), bytes("")));
  equal(signing.usages, ["sign"]);
  equal([signing.type, signing.algorithm.name, signing.algorithm.length, signing.algorithm.hash.name], ["secret", "HMAC", 32, "SHA-256"]);
  await rejects("SyntaxError", "no use", hmac("SHA-256", []));
  await rejects("DataError", "empty", hmac("SHA-256", ["sign"], ""));
  await rejects("TypeError", "no such use", hmac("SHA-256", ["dance"]));
});

test("a key comes out only where that is allowed", async () => {
  equal(hex(await crypto.subtle.exportKey("raw", await hmac("SHA-256"))), "4a656665");
  const made = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
  equal(made.algorithm.length, 1024);
  await rejects("InvalidAccessError", "exported", crypto.subtle.exportKey("raw", made));
  equal(JSON.stringify(made), "{}");
});

test("a key goes in and out as a JSON Web Key", async () => {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const jwk = { kty: "oct", k: "_-8BAg", alg: "HS256", key_ops: ["sign"], ext: true };
  const key = await crypto.subtle.importKey("jwk", jwk, hmac, true, ["sign"]);
  equal([...new Uint8Array(await crypto.subtle.exportKey("raw", key))], [255, 239, 1, 2]);
  equal(await crypto.subtle.exportKey("jwk", key), jwk);
  const wrong = (member, uses = ["sign"]) => crypto.subtle.importKey("jwk", { ...jwk, ...member }, hmac, true, uses);
  await rejects("DataError", "kty", wrong({ kty: "RSA" }));
  await rejects("DataError", "HS256", wrong({ alg: "HS512" }));
  await rejects("DataError", "base64url", wrong({ k: "a+b/" }));
  await rejects("DataError", "base64url", wrong({ k: "a" }));
  await rejects("DataError", "use", wrong({ use: "enc" }));
  await rejects("DataError", "extractable", wrong({ ext: false }));
  await rejects("DataError", "verify", wrong({}, ["verify"]));
  await rejects("TypeError", "object", crypto.subtle.importKey("jwk", "text", hmac, true, ["sign"]));
});

test("everything else is refused", async () => {
  await rejects("NotSupportedError", "MD5", crypto.subtle.digest("MD5", bytes("")));
  await rejects("NotSupportedError", "AES-GCM", crypto.subtle.encrypt({ name: "AES-GCM" }, null, bytes("")));
  await rejects("NotSupportedError", "spki", crypto.subtle.importKey("spki", new Uint8Array(1), { name: "HMAC", hash: "SHA-256" }, true, ["sign"]));
  await rejects("NotSupportedError", "ECDSA", crypto.subtle.generateKey({ name: "ECDSA" }, true, ["sign"]));
  await rejects("TypeError", "ArrayBuffer", crypto.subtle.digest("SHA-256", "text"));
  throws("TypeError", "", () => new CryptoKey());
});

test("randomness fills up to 64 KiB, and integers only", () => {
  const most = crypto.getRandomValues(new Uint8Array(65_536));
  equal(new Set(most.subarray(60_000)).size > 200, true);
  throws("QuotaExceededError", "65536", () => crypto.getRandomValues(new Uint8Array(65_537)));
  throws("TypeMismatchError", "integers", () => crypto.getRandomValues(new Float64Array(1)));
  throws("TypeError", "", () => crypto.getRandomValues([1]));
  equal(crypto.getRandomValues(new Uint32Array(4)).some((value) => value > 0), true);
});

test("a UUID is one of version 4", () => {
  equal(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), true);
  equal(crypto.randomUUID() === crypto.randomUUID(), false);
});
