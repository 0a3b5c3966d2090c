import hashlib
import math
import secrets
import string

from genapps import BadRequest, app

WORDS = "apple brick cloud dance eagle flame grape house igloo joker koala lemon mango night ocean piano".split()
SETS = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "digits": string.digits, "symbols": "!#$%&*+-?"}


@app.get("/password")
def password(request):
    try:
        length = int(request.query.get("length", "16"))
    except ValueError:
        raise BadRequest("length is not a number")
    if not 8 <= length <= 128:
        raise BadRequest("length must be between 8 and 128")
    chosen = request.query.getlist("set") or list(SETS)
    if unknown := set(chosen) - SETS.keys():
        raise BadRequest(f"unknown set: {', '.join(sorted(unknown))}")
    pool = "".join(SETS[name] for name in chosen)
    characters = [secrets.choice(SETS[name]) for name in chosen]
    characters += [secrets.choice(pool) for _ in range(length - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return {"password": "".join(characters), "bits": round(length * math.log2(len(pool)))}


@app.get("/passphrase")
def passphrase(request):
    return "-".join(secrets.choice(WORDS) for _ in range(5))


@app.post("/hash")
async def hash_password(request):
    given = (await request.json())["password"]
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha256", given.encode(), salt, 1000)
    return {"hash": f"pbkdf2${salt.hex()}${digest.hex()}", "again": hashlib.pbkdf2_hmac("sha256", given.encode(), salt, 1000) == digest}
