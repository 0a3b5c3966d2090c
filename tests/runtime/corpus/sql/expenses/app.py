import sqlite3
from contextlib import closing

from genapps import app

DATABASE = "expenses.db"


def get_db():
    conn = sqlite3.connect(DATABASE)
    conn.row_factory = sqlite3.Row
    return conn


def init_db():
    with closing(get_db()) as conn:
        conn.executescript(
            """
            CREATE TABLE IF NOT EXISTS categories (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
            CREATE TABLE IF NOT EXISTS expenses (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                category_id INTEGER NOT NULL REFERENCES categories(id),
                cents INTEGER NOT NULL CHECK (cents > 0),
                note TEXT DEFAULT ''
            );
            """
        )
        conn.executemany("INSERT OR IGNORE INTO categories (name) VALUES (?)", [("food",), ("travel",)])
        conn.commit()


init_db()


@app.get("/expenses")
def list_expenses(request):
    conn = get_db()
    rows = conn.execute(
        "SELECT e.id, c.name AS category, e.cents, e.note FROM expenses e "
        "JOIN categories c ON c.id = e.category_id ORDER BY e.id"
    ).fetchall()
    conn.close()
    return {"expenses": [dict(row) for row in rows], "total": sum(row["cents"] for row in rows)}


@app.post("/expenses")
async def add_expense(request):
    data = await request.json()
    conn = get_db()
    try:
        with conn:
            category = conn.execute("SELECT id FROM categories WHERE name = ?", (data["category"],)).fetchone()
            if category is None:
                return {"error": "unknown category"}, 400
            cursor = conn.execute(
                "INSERT INTO expenses (category_id, cents, note) VALUES (:category, :cents, :note)",
                {"category": category["id"], "cents": data["cents"], "note": data.get("note", "")},
            )
            return {"id": cursor.lastrowid}, 201
    except sqlite3.IntegrityError as error:
        return {"error": str(error)}, 422
    finally:
        conn.close()


@app.delete("/expenses/{expense_id}")
def delete_expense(request, expense_id):
    conn = get_db()
    cursor = conn.cursor()
    cursor.execute("DELETE FROM expenses WHERE id = ?", (int(expense_id),))
    deleted = cursor.rowcount
    conn.commit()
    conn.close()
    return {"deleted": deleted}, 200 if deleted else 404


@app.post("/forgotten")
def forgotten(request):
    conn = get_db()
    conn.execute("INSERT INTO expenses (category_id, cents) VALUES (1, 999)")
    conn.close()
    return {"ok": True}
