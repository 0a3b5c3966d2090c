import statistics
from fractions import Fraction
from itertools import pairwise

from genapps import app, BadRequest


@app.post("/stats")
async def stats(request):
    data = await request.json()
    values = data.get("values")
    if not isinstance(values, list) or len(values) < 2:
        raise BadRequest("at least two values")
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError) as e:
        raise BadRequest(str(e)) from e
    q1, q2, q3 = statistics.quantiles(numbers, n=4)
    trend = statistics.linear_regression(range(len(numbers)), numbers)
    return {
        "mean": statistics.fmean(numbers),
        "median": statistics.median(numbers),
        "stdev": round(statistics.stdev(numbers), 4),
        "quartiles": (q1, q2, q3),
        "mode": statistics.multimode(numbers),
        "trend": trend._asdict(),
        "changes": [round((b - a) / a, 4) if a else None for a, b in pairwise(numbers)],
        "ratio": Fraction(numbers[0]).limit_denominator(100),
    }


@app.get("/broken")
def broken(request):
    return {"value": float("nan")}
