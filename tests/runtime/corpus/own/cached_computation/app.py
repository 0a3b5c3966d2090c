from functools import cache, lru_cache
import hashlib
import json

from genapps import app, state, BadRequest


@cache
def primes(limit):
    sieve = bytearray([1]) * (limit + 1)
    sieve[:2] = b"\0\0"
    for n in range(2, int(limit**0.5) + 1):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    return tuple(n for n in range(limit + 1) if sieve[n])


@lru_cache(maxsize=1024)
def collatz(n):
    return 1 if n == 1 else 1 + collatz(n // 2 if n % 2 == 0 else 3 * n + 1)


@app.get("/primes/{limit}")
def count(request, limit):
    limit = int(limit)
    if limit > 200_000:
        raise BadRequest("too large")
    found = primes(limit)
    return {"count": len(found), "largest": found[-1] if found else None}


@app.get("/collatz/{n}")
def steps(request, n):
    return {"n": int(n), "steps": collatz(int(n))}


@app.post("/expensive")
async def expensive(request):
    body = await request.json()
    key = "cache/" + hashlib.md5(json.dumps(body, sort_keys=True).encode()).hexdigest()
    if (cached := await state.get(key)) is not None:
        return {"result": cached}, {"X-Cache": "hit"}
    result = sum(primes(body["limit"]))
    await state.put(key, result)
    return {"result": result}, {"X-Cache": "miss"}
