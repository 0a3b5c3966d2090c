const REDIRECTS = { "/docs": "https://docs.example.com/", "/blog": "https://blog.example.com/latest" };

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");

const worker = {
  async fetch(request) {
    const path = new URL(request.url).pathname;
    if (path in REDIRECTS) return Response.redirect(REDIRECTS[path], 301);
    if (path === "/hash") {
      const body = await request.arrayBuffer();
      if (body.byteLength === 0) return new Response(null, { status: 204 });
      const digest = await crypto.subtle.digest({ name: "SHA-256" }, body);
      return Response.json({ sha256: hex(digest) }, { headers: { "cache-control": "no-store" } });
    }
    if (path === "/form") {
      const form = await request.formData();
      return new Response(`Hello ${form.get("name")}`, { status: 201, statusText: "Created" });
    }
    return this.notFound(request);
  },

  notFound(request) {
    const wantsHtml = (request.headers.get("Accept") ?? "").includes("text/html");
    return new Response(wantsHtml ? "<h1>Not found</h1>" : "not found", {
      status: 404,
      headers: [["content-type", wantsHtml ? "text/html" : "text/plain"], ["x-worker", "1"]],
    });
  },
};

export default worker;
