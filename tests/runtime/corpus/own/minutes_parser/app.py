"""Takes a mail with meeting minutes and answers with the action items."""
import re
from email import message_from_bytes, policy
from email.utils import getaddresses, parsedate_to_datetime
from html.parser import HTMLParser

from genapps import app, BadRequest

ACTION = re.compile(r"^\s*(?:TODO|ACTION|AI)\s*[:\-]\s*(?:@(?P<who>\w+)\s+)?(?P<what>.+?)(?:\s+by\s+(?P<due>\d{4}-\d\d-\d\d))?\s*$", re.I | re.M)


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)

    def handle_starttag(self, tag, attrs):
        if tag in ("br", "p", "li"):
            self.parts.append("\n")


@app.post("/minutes")
async def minutes(request):
    message = message_from_bytes(await request.body(), policy=policy.default)
    if message["subject"] is None:
        raise BadRequest("not a mail")
    body = message.get_body(preferencelist=("plain", "html"))
    text = body.get_content() if body else ""
    if body and body.get_content_type() == "text/html":
        parser = Text()
        parser.feed(text)
        text = "".join(parser.parts)
    return {
        "subject": message["subject"],
        "date": parsedate_to_datetime(message["date"]),
        "people": [name or address for name, address in getaddresses([str(message["to"]), str(message["cc"] or "")]) if address],
        "actions": [m.groupdict() for m in ACTION.finditer(text)],
        "attachments": [part.get_filename() for part in message.iter_attachments()],
    }
