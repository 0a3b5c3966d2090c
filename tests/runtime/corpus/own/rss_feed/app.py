import xml.etree.ElementTree as ET
from datetime import datetime, timezone
from email.utils import format_datetime

from genapps import Response, app, state, BadRequest

ET.register_namespace("atom", "http://www.w3.org/2005/Atom")


@app.post("/posts")
async def add(request):
    data = await request.json()
    if not {"title", "link"} <= data.keys():
        raise BadRequest("title and link are required")
    number = await state.get("last", 0) + 1
    await state.put("last", number)
    await state.put(f"post/{number:06}", data)
    return {"number": number}, 201


@app.get("/feed.xml")
async def feed(request):
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    ET.SubElement(channel, "title").text = "News & more"
    ET.SubElement(channel, "{http://www.w3.org/2005/Atom}link", href=request.url, rel="self")
    for key, post in reversed(await state.list("post/", limit=20)):
        item = ET.SubElement(channel, "item")
        ET.SubElement(item, "title").text = post["title"]
        ET.SubElement(item, "link").text = post["link"]
        ET.SubElement(item, "pubDate").text = format_datetime(datetime(2026, 1, int(key[-2:]), tzinfo=timezone.utc))
    ET.indent(rss)
    return Response(ET.tostring(rss, encoding="utf-8", xml_declaration=True), content_type="application/rss+xml")


@app.post("/titles")
async def titles(request):
    try:
        root = ET.fromstring(await request.body())
    except ET.ParseError as e:
        return {"error": f"invalid XML: {e}"}, 400
    return [t.text for t in root.iterfind("./channel/item/title")]
