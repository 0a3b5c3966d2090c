from datetime import date
from string import Formatter

from genapps import app, html, redirect

MESSAGES = {
    "en": {"title": "Welcome", "count": "{n} message|{n} messages", "date": "{d:%B} {d.day}, {d.year}"},
    "de": {"title": "Grüezi", "count": "{n} Nachricht|{n} Nachrichten", "date": "{d.day}.{d.month}.{d.year}"},
    "fr": {"title": "Bienvenue à tous", "count": "{n} message|{n} messages", "date": "{d.day}/{d.month:02}/{d.year}"},
}


def negotiate(header):
    choices = []
    for part in header.split(","):
        name, _, q = part.strip().partition(";q=")
        try:
            choices.append((float(q or 1), name.lower().split("-")[0]))
        except ValueError:
            continue
    for _, name in sorted(choices, key=lambda c: -c[0]):
        if name in MESSAGES:
            return name
    return "en"


def translate(language, key, n=None, **values):
    text = MESSAGES[language][key]
    if n is not None:
        one, many = text.split("|")
        text = one if n == 1 else many
    return Formatter().format(text, n=n, **values)


@app.get("/")
def index(request):
    language = request.cookies.get("lang") or negotiate(request.headers.get("Accept-Language", ""))
    n = int(request.query.get("n", 0))
    body = f"<h1>{translate(language, 'title')}</h1><p>{translate(language, 'count', n)}</p><p>{translate(language, 'date', d=date(2026, 3, 1))}</p>"
    return html(f'<html lang="{language}">{body}</html>', headers={"Content-Language": language, "Vary": "Accept-Language"})


@app.get("/lang/{language}")
def choose(request, language):
    if language not in MESSAGES:
        return {"error": "unsupported"}, 404
    response = redirect("/", 302)
    response.set_cookie("lang", language, max_age=31536000)
    return response
