from decimal import Decimal, InvalidOperation

from genapps import BadRequest, ToolError, app, gather, html, log, tools

CURRENCIES = ["EUR", "USD", "GBP"]


async def rate(currency):
    result = await tools.call("fx-rates", "latest", base="CHF", currency=currency)
    return currency, Decimal(str(result["rate"]))


@app.get("/rates")
async def rates(request):
    try:
        pairs = await gather(*[rate(c) for c in CURRENCIES])
    except ToolError as e:
        log.warning("rates unavailable", code=e.code, cls=e.cls)
        return {"error": "rates unavailable", "code": e.code}, 502
    return dict(pairs)


@app.get("/table")
async def table(request):
    try:
        amount = Decimal(request.query.get("amount", "1"))
    except InvalidOperation:
        raise BadRequest("amount must be a number")
    pairs = await gather(*[rate(c) for c in CURRENCIES])
    rows = "".join(f"<tr><td>{c}</td><td>{amount * r:,.2f}</td></tr>" for c, r in pairs)
    return html(f"<table><caption>{amount} CHF</caption>{rows}</table>")
