"""GitHub-style webhook receiver with HMAC verification."""
import hashlib
import hmac
import json
import logging
import os
from datetime import datetime, timezone

from genapps import app, state

logger = logging.getLogger(__name__)
logging.basicConfig(level=logging.INFO)

SECRET = os.environ.get("WEBHOOK_SECRET", "dev-secret").encode()


def verify(body: bytes, signature: str) -> bool:
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature or "")


@app.post("/webhook")
async def webhook(request):
    body = await request.body()
    if not verify(body, request.headers.get("X-Hub-Signature-256")):
        logger.warning("Invalid signature for delivery %s", request.headers.get("X-GitHub-Delivery"))
        return {"error": "invalid signature"}, 401
    try:
        payload = json.loads(body)
    except json.JSONDecodeError as e:
        return {"error": f"invalid JSON: {e.msg}"}, 400
    event = request.headers.get("X-GitHub-Event", "unknown")
    delivery = request.headers.get("X-GitHub-Delivery", "none")
    if await state.get(f"delivery/{delivery}"):
        return {"status": "duplicate"}
    await state.put(
        f"delivery/{delivery}",
        {"event": event, "at": datetime.now(timezone.utc), "repo": payload.get("repository", {}).get("full_name")},
    )
    logger.info("Accepted %s", event, extra={"delivery": delivery})
    return {"status": "accepted", "event": event}, 202


@app.get("/deliveries")
async def deliveries(request):
    return [{"id": key.split("/", 1)[1], **value} for key, value in await state.list("delivery/")]
