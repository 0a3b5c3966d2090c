// Expense tracker on SQL.
const SORTABLE = new Map([["id", "e.id"], ["cents", "e.cents"], ["category", "c.name"]]);

async function migrate(db) {
  await db.sql(`CREATE TABLE IF NOT EXISTS categories (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)`);
  await db.sql(`CREATE TABLE IF NOT EXISTS expenses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    category_id INTEGER NOT NULL REFERENCES categories(id),
    cents INTEGER NOT NULL CHECK (cents > 0),
    note TEXT DEFAULT ''
  )`);
  for (const name of ["food", "travel"]) await db.sql("INSERT OR IGNORE INTO categories (name) VALUES (?)", name);
}

async function listExpenses(db, url) {
  const sort = url.searchParams.get("sort") ?? "id";
  if (!SORTABLE.has(sort)) return [{ error: `cannot sort by ${sort}` }, 400];
  const expenses = await db.sql(
    `SELECT e.id, c.name AS category, e.cents, e.note FROM expenses e
     JOIN categories c ON c.id = e.category_id ORDER BY ${SORTABLE.get(sort)}`,
  );
  return [{ expenses, total: expenses.reduce((sum, { cents }) => sum + cents, 0) }];
}

async function addExpense(db, data) {
  const [category] = await db.sql("SELECT id FROM categories WHERE name = ?", data.category);
  if (!category) return [{ error: "unknown category" }, 400];
  try {
    const { lastRowId } = await db.sql(
      "INSERT INTO expenses (category_id, cents, note) VALUES (?, ?, ?)", category.id, data.cents, data.note ?? "",
    );
    return [{ id: lastRowId }, 201];
  } catch (err) {
    if (err.name === "SqlError") return [{ error: err.detail }, 422];
    throw err;
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const db = env.STATE;
    await migrate(db);
    const [, resource, id] = url.pathname.split("/");
    const answer = async () => {
      if (resource === "by-category") {
        const rows = await db.sql(`SELECT c.name, SUM(e.cents) AS cents FROM expenses e
          JOIN categories c ON c.id = e.category_id GROUP BY c.name`);
        return [Object.fromEntries(rows.map((row) => [row.name, row.cents]))];
      }
      if (request.method === "POST") {
        const data = await request.json().catch(() => null);
        return data === null ? [{ error: "the body is not JSON" }, 400] : addExpense(db, data);
      }
      if (request.method === "DELETE") {
        const { changes } = await db.sql("DELETE FROM expenses WHERE id = ?", parseInt(id, 10));
        return [{ deleted: changes }, changes ? 200 : 404];
      }
      return listExpenses(db, url);
    };
    const [data, status = 200] = await answer();
    return Response.json(data, { status });
  },
};
