import csv
import io
from decimal import Decimal

from genapps import BadRequest, Response, SqlError, app, state

TABLES = [
    "CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, region TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS orders (
        id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),
        ordered_on TEXT NOT NULL, cents INTEGER NOT NULL CHECK (cents > 0))""",
    "CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer_id, ordered_on)",
]


async def prepare():
    for statement in TABLES:
        await state.sql(statement)


@app.post("/import")
async def import_csv(request):
    await prepare()
    imported = 0
    for line, row in enumerate(csv.DictReader(io.StringIO(await request.text())), 2):
        await state.sql(
            "INSERT INTO customers (name, region) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET region = excluded.region",
            row["customer"],
            row["region"],
        )
        try:
            await state.sql(
                "INSERT INTO orders (customer_id, ordered_on, cents) SELECT id, date(?), ? FROM customers WHERE name = ?",
                row["date"],
                int(Decimal(row["amount"]) * 100),
                row["customer"],
            )
        except SqlError as error:
            raise BadRequest(f"line {line}: {error.detail}") from None
        imported += 1
    return {"imported": imported}


@app.get("/report")
async def report(request):
    await prepare()
    rows = await state.sql(
        """
        SELECT c.region, COUNT(DISTINCT c.id) AS customers, COUNT(o.id) AS orders,
               SUM(o.cents) / 100.0 AS total, MAX(o.ordered_on) AS latest
        FROM customers c LEFT JOIN orders o ON o.customer_id = c.id
        GROUP BY c.region HAVING COUNT(o.id) > 0 ORDER BY total DESC
        """
    )
    return {"regions": rows}


@app.get("/report/monthly.csv")
async def monthly(request):
    await prepare()
    rows = await state.sql(
        """
        WITH months AS (
            SELECT strftime('%Y-%m', ordered_on) AS month, SUM(cents) AS cents FROM orders GROUP BY month
        )
        SELECT month, cents, SUM(cents) OVER (ORDER BY month) AS running FROM months ORDER BY month
        """
    )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(rows.columns)
    writer.writerows(rows)
    return Response(out.getvalue(), content_type="text/csv; charset=utf-8")


@app.get("/customers/top/{number}")
async def top(request, number):
    await prepare()
    return await state.sql(
        "SELECT c.name, SUM(o.cents) AS cents, RANK() OVER (ORDER BY SUM(o.cents) DESC) AS place "
        "FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.id ORDER BY place, c.name LIMIT ?",
        int(number),
    )
