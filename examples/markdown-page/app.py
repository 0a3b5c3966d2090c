# SPDX-License-Identifier: Apache-2.0
"""A page for each note in Markdown. Python-Markdown is vendored by `genapps bundle` (requirements.txt)."""

from html import escape

import markdown

from genapps import BadRequest, app, html, state


@app.get("/notes/{name}")
async def show(request, name):
    """The note as a page."""
    text = await state.get(f"note/{name}", "# Nothing here yet\n\n| write | with |\n|---|---|\n| PUT | Markdown |\n")
    return html(markdown.markdown(escape(text), extensions=["tables"]))


@app.put("/notes/{name}")
async def write(request, name):
    """Keep the text that is sent."""
    text = await request.text()
    if not text:
        raise BadRequest("send the note as text")
    await state.put(f"note/{name}", text)
    return {"written": name}
