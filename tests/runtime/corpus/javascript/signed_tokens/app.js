import { sign, verify, TokenError } from "./jwt.js";

// The platform keeps the header Authorization for itself.
const users = new Map([["ann", { password: "secret", role: "admin" }], ["bob", { password: "hunter2", role: "user" }]]);
const unauthorized = (detail) =>
  Response.json({ error: detail }, { status: 401, headers: { "WWW-Authenticate": 'Bearer realm="api"' } });

async function authenticate(request) {
  const [scheme, token] = (request.headers.get("x-authorization") ?? "").split(" ");
  if (scheme !== "Bearer" || !token) throw new TokenError("missing token");
  return verify(token);
}

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    try {
      if (pathname === "/token" && request.method === "POST") {
        const [scheme, credentials = ""] = (request.headers.get("x-authorization") ?? "").split(" ");
        if (scheme !== "Basic") return unauthorized("use HTTP basic authentication");
        const [name, password] = atob(credentials).split(":");
        if (users.get(name)?.password !== password) return unauthorized("wrong user or password");
        return Response.json({ token: await sign({ sub: name, role: users.get(name).role, exp: Date.now() + 60_000 }) });
      }
      if (pathname === "/me") {
        const { sub, role } = await authenticate(request);
        return Response.json({ sub, role });
      }
      if (pathname === "/admin") {
        const { role } = await authenticate(request);
        return role === "admin" ? new Response("welcome") : new Response("forbidden", { status: 403 });
      }
      if (pathname === "/expired") return Response.json({ token: await sign({ sub: "ann", role: "admin", exp: 1 }) });
    } catch (error) {
      if (error instanceof TokenError) return unauthorized(error.message);
      if (error.name === "InvalidCharacterError") return unauthorized("the credentials are not base64");
      throw error;
    }
    return new Response("Not found", { status: 404 });
  },
};
