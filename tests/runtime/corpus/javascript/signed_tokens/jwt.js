const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

let keyPromise;
const key = () =>
  (keyPromise ??= crypto.subtle.importKey("raw", encoder.encode("not-so-secret"), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]));

export class TokenError extends Error {
  name = "TokenError";
}

function toBase64Url(bytes) {
  let binary = "";
  for (const byte of new Uint8Array(bytes)) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function fromBase64Url(text) {
  const padded = text.replace(/-/g, "+").replace(/_/g, "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  return Uint8Array.from(atob(padded), (c) => c.charCodeAt(0));
}

export async function sign(payload) {
  const parts = [{ alg: "HS256", typ: "JWT" }, payload].map((part) => toBase64Url(encoder.encode(JSON.stringify(part))));
  const signature = await crypto.subtle.sign("HMAC", await key(), encoder.encode(parts.join(".")));
  return [...parts, toBase64Url(signature)].join(".");
}

export async function verify(token) {
  const [header, payload, signature] = token.split(".");
  if (!header || !payload || !signature) throw new TokenError("malformed token");
  let bytes, claims, algorithm;
  try {
    bytes = fromBase64Url(signature);
    claims = JSON.parse(decoder.decode(fromBase64Url(payload)));
    algorithm = JSON.parse(decoder.decode(fromBase64Url(header))).alg;
  } catch {
    throw new TokenError("malformed token");
  }
  if (algorithm !== "HS256") throw new TokenError("unsupported algorithm");
  const good = await crypto.subtle.verify("HMAC", await key(), bytes, encoder.encode(`${header}.${payload}`));
  if (!good) throw new TokenError("bad signature");
  if (claims.exp < Date.now()) throw new TokenError("expired");
  return claims;
}
