import random
import sqlite3
import uuid
from datetime import datetime, timezone

from flask import Flask, jsonify, request

from genapps import ToolError, tools

app = Flask(__name__)
db = sqlite3.connect("quotes.db")
db.row_factory = sqlite3.Row
db.execute("CREATE TABLE IF NOT EXISTS quotes (id TEXT PRIMARY KEY, made TEXT, customer TEXT, euros REAL)")


@app.post("/quotes")
def make():
    body = request.get_json()
    quote_id = str(uuid.uuid4())
    made = datetime.now(timezone.utc).isoformat()
    try:
        customer = tools.call_sync("crm", "find", name=body["customer"], quote=quote_id)
        rate = tools.call_sync("fx-rates", "latest", {"currency": "EUR", "at": made})["rate"]
    except ToolError as error:
        app.logger.warning("no quote: %s", error.code)
        return jsonify(error=error.code), 502
    euros = round(body["francs"] * rate, 2)
    if customer["notify"]:
        tools.call_sync("mail", "send", to=customer["mail"], subject=f"Quote {quote_id}", number=random.randint(1, 10**9))
    with db:
        db.execute("INSERT INTO quotes VALUES (?, ?, ?, ?)", (quote_id, made, customer["name"], euros))
    return jsonify(id=quote_id, euros=euros), 201


@app.get("/quotes")
def quotes():
    rows = db.execute("SELECT customer, euros FROM quotes ORDER BY made").fetchall()
    return jsonify([dict(row) for row in rows])
