import html
import re
from textwrap import dedent

from genapps import app, html as page, state

DEFAULT = dedent("""\
    # Welcome

    This is *your* page. It knows **bold**, `code` and [links](https://example.com).

    - one
    - two
    """)


def inline(text: str) -> str:
    text = html.escape(text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
    return re.sub(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2">\1</a>', text)


def render(source: str) -> str:
    out = []
    for block in re.split(r"\n\s*\n", source.strip()):
        lines = block.splitlines()
        if match := re.match(r"(#{1,6})\s+(.*)", lines[0]):
            level = len(match[1])
            out.append(f"<h{level}>{inline(match[2])}</h{level}>")
        elif all(line.startswith("- ") for line in lines):
            out.append("<ul>" + "".join(f"<li>{inline(line[2:])}</li>" for line in lines) + "</ul>")
        else:
            out.append(f"<p>{inline(' '.join(lines))}</p>")
    return "\n".join(out)


@app.get("/{name}")
async def show(request, name):
    source = await state.get(f"page/{name}", DEFAULT)
    return page(f"<!doctype html><title>{html.escape(name)}</title><body>{render(source)}</body>")


@app.get("/{name}/raw")
async def raw(request, name):
    return await state.get(f"page/{name}", DEFAULT)


@app.put("/{name}")
async def save(request, name):
    await state.put(f"page/{name}", await request.text())
    return {"saved": name}
