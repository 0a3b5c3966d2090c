from dataclasses import dataclass, field, asdict
from datetime import date, timedelta
from decimal import Decimal, ROUND_HALF_UP, InvalidOperation
from enum import Enum

from genapps import app, BadRequest, state


class Currency(Enum):
    CHF = "CHF"
    EUR = "EUR"


CENT = Decimal("0.01")


@dataclass
class Line:
    description: str
    quantity: Decimal
    price: Decimal

    @property
    def total(self) -> Decimal:
        return (self.quantity * self.price).quantize(CENT, ROUND_HALF_UP)


@dataclass
class Invoice:
    number: str
    issued: date
    due: date
    currency: Currency
    lines: list[Line] = field(default_factory=list)
    vat_rate: Decimal = Decimal("0.081")

    def totals(self):
        net = sum((line.total for line in self.lines), Decimal("0.00"))
        vat = (net * self.vat_rate).quantize(CENT, ROUND_HALF_UP)
        return {"net": net, "vat": vat, "gross": net + vat}


@app.post("/invoices")
async def create(request):
    data = await request.json()
    try:
        lines = [Line(x["description"], Decimal(str(x["quantity"])), Decimal(x["price"])) for x in data["lines"]]
        currency = Currency(data.get("currency", "CHF"))
        issued = date.fromisoformat(data["issued"])
    except (KeyError, ValueError, InvalidOperation) as e:
        raise BadRequest(f"invalid invoice: {e!r}")
    counter = await state.get("counter", 0) + 1
    await state.put("counter", counter)
    invoice = Invoice(f"{issued.year}-{counter:04d}", issued, issued + timedelta(days=30), currency, lines)
    await state.put(f"invoice/{invoice.number}", invoice)
    return {**asdict(invoice), **invoice.totals()}, 201


@app.get("/invoices/{number}")
async def show(request, number):
    return await state.get(f"invoice/{number}") or ({"error": "no such invoice"}, 404)
