import json
import re

from genapps import app, state

WORD = re.compile(r"\w{2,40}")


async def setup():
    await state.sql("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, title TEXT, body TEXT)")
    await state.sql(
        "CREATE TABLE IF NOT EXISTS words (word TEXT, note_id INTEGER, hits INTEGER, PRIMARY KEY (word, note_id)) WITHOUT ROWID"
    )


def words_of(text):
    counts = {}
    for word in WORD.findall(text.lower()):
        counts[word] = counts.get(word, 0) + 1
    return counts


@app.put("/notes/{note_id}")
async def put_note(request, note_id):
    await setup()
    note = await request.json()
    note_id = int(note_id)
    await state.sql(
        "INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title, body = excluded.body",
        note_id, note["title"], note["body"],
    )
    await state.sql("DELETE FROM words WHERE note_id = ?", note_id)
    counts = words_of(note["title"] + " " + note["body"])
    await state.sql("INSERT INTO words SELECT key, ?, value FROM json_each(?)", note_id, json.dumps(counts))
    return {"words": len(counts)}


@app.get("/search")
async def search(request):
    await setup()
    wanted = list(words_of(request.query.get("q", "")))
    if not wanted:
        return {"error": "what do you look for?"}, 400
    marks = ", ".join("?" * len(wanted))
    rows = await state.sql(
        f"SELECT n.id, n.title, SUM(w.hits) AS score FROM words w JOIN notes n ON n.id = w.note_id "
        f"WHERE w.word IN ({marks}) GROUP BY n.id HAVING COUNT(*) = ? ORDER BY score DESC, n.id LIMIT 20",
        *wanted, len(wanted),
    )
    return {"found": rows}


@app.get("/suggest/{start}")
async def suggest(request, start):
    await setup()
    rows = await state.sql(
        "SELECT DISTINCT word FROM words WHERE word >= ?1 AND word < ?1 || char(0x10ffff) ORDER BY word LIMIT 5", start.lower()
    )
    return [word for (word,) in rows]
