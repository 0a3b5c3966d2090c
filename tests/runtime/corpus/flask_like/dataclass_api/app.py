from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Literal
from uuid import UUID, uuid5, NAMESPACE_URL

from genapps import app, state


@dataclass(slots=True, kw_only=True)
class Host:
    id: UUID
    name: str
    address: object
    tags: set[str] = field(default_factory=set)
    state: Literal["up", "down"] = "up"
    ttl: timedelta = timedelta(minutes=5)

    def __post_init__(self):
        self.name = self.name.lower()


def make(data):
    return Host(id=uuid5(NAMESPACE_URL, data["name"]), name=data["name"], address=ip_address(data["address"]), tags=set(data.get("tags", [])))


@app.route("/hosts", methods=["POST"])
async def add(request):
    try:
        host = make(await request.json())
    except (KeyError, ValueError) as error:
        return {"error": str(error)}, "422 UNPROCESSABLE ENTITY"
    await state.put(f"host/{host.name}", host)
    return host, 201


@app.route("/hosts")
async def hosts(request):
    tag = request.query.get("tag")
    return (host for _, host in await state.list("host/") if tag is None or tag in host["tags"])


@app.route("/now")
def now(request):
    return {"epoch": datetime.fromtimestamp(0, timezone.utc), "naive": datetime(2026, 1, 1).time(), "complex": str(1j)}
