from collections import Counter

from genapps import app, state, Response

OPTIONS = ["pizza", "pasta", "salad"]


@app.post("/vote")
async def vote(request):
    data = await request.json()
    option = data.get("option")
    if option not in OPTIONS:
        return Response({"error": "unknown option", "options": OPTIONS}, status=422)
    voter = request.cookies.get("voter") or request.id
    previous = await state.get(f"vote/{voter}")
    await state.put(f"vote/{voter}", option)
    response = Response({"voted": option, "changed": previous is not None})
    response.set_cookie("voter", voter, max_age=86400, httponly=True)
    return response


@app.get("/results")
async def results(request):
    counts = Counter()
    async for _, option in state.scan("vote/"):
        counts[option] += 1
    total = counts.total()
    return {
        "total": total,
        "results": [
            {"option": o, "votes": counts[o], "percent": round(100 * counts[o] / total, 1) if total else 0}
            for o in sorted(OPTIONS, key=lambda o: (-counts[o], o))
        ],
    }
