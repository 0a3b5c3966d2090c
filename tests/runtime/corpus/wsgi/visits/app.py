import sqlite3

from genapps import state

connection = sqlite3.connect("visits.sqlite3", check_same_thread=False)
connection.execute("CREATE TABLE IF NOT EXISTS visits (path TEXT PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0)")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] == "POST":
        with connection:
            connection.execute(
                "INSERT INTO visits (path, count) VALUES (?, 1) "
                "ON CONFLICT(path) DO UPDATE SET count = count + 1",
                (path,),
            )
        state.put_sync("last", path)
    row = connection.execute("SELECT count FROM visits WHERE path = ?", (path,)).fetchone()
    body = f"{path}: {row[0] if row else 0}, last {state.get_sync('last', 'none')}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
