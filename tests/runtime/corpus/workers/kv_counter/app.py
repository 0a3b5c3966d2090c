import json

from genapps import state
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method not in ("GET", "POST"):
            return Response("Method not allowed", status=405, headers={"Allow": "GET, POST"})
        saved = await state.get("clicks")
        clicks = json.loads(saved) if saved else {"total": 0}
        if request.method == "POST":
            clicks["total"] += 1
            await state.put("clicks", json.dumps(clicks))
        return Response(json.dumps(clicks), headers={"content-type": "application/json"})
