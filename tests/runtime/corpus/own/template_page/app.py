from html import escape
from string import Template
from string.templatelib import Interpolation, Template as TString

from genapps import app, html

LAYOUT = Template("""<!doctype html>
<title>$title</title>
<nav>$$5 off today</nav>
<main>$body</main>
""")


def render(template: TString) -> str:
    parts = []
    for item in template:
        match item:
            case str():
                parts.append(item)
            case Interpolation(value=value, conversion=conversion, format_spec=spec):
                if isinstance(value, TString):
                    parts.append(render(value))
                elif isinstance(value, list):
                    parts.extend(render(v) for v in value)
                else:
                    parts.append(escape(format(repr(value) if conversion == "r" else value, spec)))
    return "".join(parts)


ITEMS = [("Pen", 1.5), ("Paper <A4>", 12)]


@app.get("/")
def index(request):
    name = request.query.get("name", "you")
    rows = [t"<li>{title}: {price:.2f}</li>" for title, price in ITEMS]
    body = t"<h1>Hello {name!r}</h1><ul>{rows}</ul>"
    return html(LAYOUT.substitute(title=escape(name), body=render(body)))
