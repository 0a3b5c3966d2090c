const encoder = new TextEncoder();

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

function timingSafeEqual(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

function token() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

const cookie = (request, name) =>
  request.headers.get("cookie")?.match(new RegExp(`(?:^|;\\s*)${name}=([^;]*)`))?.[1] ?? null;

function redirect(location, ...cookies) {
  const headers = new Headers({ Location: location });
  cookies.forEach((value) => headers.append("Set-Cookie", value));
  return new Response(null, { status: 303, headers });
}

const LOGIN_FORM =
  '<form method="post"><input name="user"><input name="password" type="password"><button>Log in</button></form>';

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const users = { ann: await sha256("peppersecret") };

    if (pathname === "/login" && request.method === "GET") {
      return new Response(LOGIN_FORM, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    if (pathname === "/login" && request.method === "POST") {
      const form = await request.formData();
      const user = form.get("user");
      const digest = await sha256("pepper" + form.get("password"));
      if (!timingSafeEqual(users[user] ?? "", digest)) return new Response("Wrong user or password", { status: 403 });
      const id = token();
      await env.STATE.put(`session/${id}`, { user, visits: 0 });
      return redirect("/", `session=${id}; Path=/; HttpOnly; SameSite=Strict`, `last_user=${user}; Path=/; SameSite=Lax`);
    }

    const id = cookie(request, "session");
    const session = id && (await env.STATE.get(`session/${id}`));
    if (!session) return redirect("/login");

    if (pathname === "/logout") {
      await env.STATE.delete(`session/${id}`);
      return new Response("bye", { headers: { "Set-Cookie": "session=; Path=/; Max-Age=0" } });
    }
    session.visits += 1;
    await env.STATE.put(`session/${id}`, session);
    return Response.json({ hello: session.user, visits: session.visits });
  },
};
