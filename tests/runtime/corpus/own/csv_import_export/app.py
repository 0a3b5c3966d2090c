import csv
import io

from genapps import app, file, log, state

FIELDS = ["sku", "name", "stock"]


@app.post("/import")
async def import_csv(request):
    text = (await request.body()).decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in text.split("\n")[0] else ",")
    if reader.fieldnames is None or set(FIELDS) - set(reader.fieldnames):
        return {"error": "columns needed: " + ", ".join(FIELDS)}, 422
    imported, errors = 0, []
    for row in reader:
        try:
            stock = int(row["stock"])
        except ValueError:
            errors.append({"line": reader.line_num, "error": f"stock is not a number: {row['stock']!r}"})
            continue
        await state.put(f"item/{row['sku']}", {"name": row["name"], "stock": stock})
        imported += 1
    log.info("import finished", imported=imported, errors=len(errors))
    return {"imported": imported, "errors": errors}


@app.get("/export.csv")
async def export_csv(request):
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=FIELDS, lineterminator="\n")
    writer.writeheader()
    async for key, value in state.scan("item/"):
        writer.writerow({"sku": key.removeprefix("item/"), **value})
    return file(out.getvalue(), "stock.csv")
