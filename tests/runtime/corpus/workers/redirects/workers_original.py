import hashlib
from urllib.parse import urlparse

from workers import Response, WorkerEntrypoint

REDIRECTS = {"/docs": "https://docs.example.com/", "/blog": "https://blog.example.com/latest"}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlparse(request.url).path
        if path in REDIRECTS:
            return Response.redirect(REDIRECTS[path], 301)
        if path == "/hash":
            body = await request.bytes()
            if not body:
                return Response(None, status=204)
            return Response.from_json({"sha256": hashlib.sha256(body).hexdigest()}, headers={"cache-control": "no-store"})
        if path == "/form":
            form = await request.form_data()
            return Response("Hello " + form["name"], status=201, status_text="Created")
        return self.not_found(request)

    def not_found(self, request):
        wants_html = "text/html" in request.headers.get("Accept", "")
        body = "<h1>Not found</h1>" if wants_html else "not found"
        return Response(body, 404, headers=[("content-type", "text/html" if wants_html else "text/plain"), ("x-worker", "1")])
