// Upload of files in a multipart form, shown again as they came.
const MOST = 100_000;
const base64 = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""));

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname === "/upload") {
      if (!request.headers.get("content-type")?.startsWith("multipart/form-data")) {
        return new Response("send a multipart form", { status: 415 });
      }
      const form = await request.formData();
      const saved = [];
      for (const [field, value] of form) {
        if (!(value instanceof File)) continue;
        if (value.size > MOST) return Response.json({ error: `${value.name} is too large` }, { status: 413 });
        const head = await value.slice(0, 4).text();
        await env.STATE.put(`file/${value.name}`, { type: value.type, content: base64(await value.arrayBuffer()) });
        saved.push({ field, name: value.name, type: value.type, size: value.size, head });
      }
      return Response.json({ title: form.get("title"), saved });
    }
    const file = await env.STATE.get(`file/${decodeURIComponent(pathname.slice(1))}`);
    if (!file) return new Response("no such file", { status: 404 });
    const content = Uint8Array.from(atob(file.content), (c) => c.charCodeAt(0));
    return new Response(new Blob([content], { type: file.type }));
  },
};
