from enum import Enum

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, Field

app = FastAPI(title="Converter")


class Unit(str, Enum):
    celsius = "c"
    fahrenheit = "f"


class Batch(BaseModel):
    values: list[float] = Field(..., min_length=1, max_length=3)
    unit: Unit = Unit.celsius


def convert(value: float, unit: Unit) -> float:
    return round(value * 9 / 5 + 32 if unit == Unit.celsius else (value - 32) * 5 / 9, 2)


@app.get("/convert/{value}")
def one(value: float, unit: Unit = Query(Unit.celsius)):
    if unit == Unit.celsius and value < -273.15:
        raise HTTPException(status_code=400, detail="below absolute zero")
    return {"value": value, "unit": unit, "result": convert(value, unit)}


@app.post("/convert", response_model=list[float])
def many(batch: Batch):
    return [convert(value, batch.unit) for value in batch.values]


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="0.0.0.0", port=8000)
