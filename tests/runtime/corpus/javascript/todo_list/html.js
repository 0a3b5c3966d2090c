const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (c) => ENTITIES[c]);

export function page(title, body, init = {}) {
  const html = `<!DOCTYPE html>\n<html>\n<head><title>${escapeHtml(title)}</title></head>\n<body>\n${body}\n</body>\n</html>`;
  return new Response(html, { ...init, headers: { "Content-Type": "text/html; charset=utf-8" } });
}
