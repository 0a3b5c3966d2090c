from workers import Response
from urllib.parse import urlparse, parse_qs

import json


async def on_fetch(request, env):
    params = parse_qs(urlparse(request.url).query)
    try:
        numbers = [float(n) for n in params.get("n", [])]
    except ValueError:
        return Response(json.dumps({"error": "n must be numbers"}), status=400, headers={"content-type": "application/json"})
    return Response(json.dumps({"sum": sum(numbers), "count": len(numbers)}), headers={"content-type": "application/json"})
