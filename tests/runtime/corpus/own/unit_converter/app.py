import math

from genapps import app, BadRequest

UNITS = {
    "length": {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048},
    "mass": {"kg": 1.0, "g": 0.001, "lb": 0.45359237},
}


def find(unit):
    for kind, units in UNITS.items():
        if unit in units:
            return kind, units[unit]
    raise BadRequest(f"unknown unit: {unit}")


@app.get("/convert/{value}/{source}/{target}")
async def convert(request, value, source, target):
    try:
        number = float(value)
    except ValueError:
        raise BadRequest(f"not a number: {value}") from None
    if not math.isfinite(number):
        raise BadRequest("the number must be finite")
    kind, factor = find(source)
    other_kind, other = find(target)
    if kind != other_kind:
        raise BadRequest(f"cannot convert {kind} to {other_kind}")
    result = number * factor / other
    return {"input": f"{number:g} {source}", "result": round(result, 6), "text": f"{result:,.3f} {target}"}


@app.get("/temperature/{celsius}")
def temperature(request, celsius: float):
    c = float(celsius)
    return {"celsius": c, "fahrenheit": c * 9 / 5 + 32, "kelvin": c + 273.15}
