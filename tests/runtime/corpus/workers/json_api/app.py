from urllib.parse import parse_qs, urlparse

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlparse(request.url)
        if url.path == "/":
            name = parse_qs(url.query).get("name", ["world"])[0]
            return Response(f"Hello, {name}!")
        if url.path == "/api/reverse" and request.method == "POST":
            data = await request.json()
            if "text" not in data:
                return Response.json({"error": "text is required"}, status=400)
            return Response.json({"reversed": data["text"][::-1]})
        return Response("Not found", status=404)
