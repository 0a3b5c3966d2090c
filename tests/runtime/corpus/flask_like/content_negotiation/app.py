from genapps import Response, app, state
import json
import csv, io

PRODUCTS = [{"id": 1, "name": "Pen", "price": 1.5}, {"id": 2, "name": "Paper & ink", "price": 12.0}]


def best(accept, offered):
    ranked = []
    for index, part in enumerate(accept.split(",")):
        media, *params = [p.strip() for p in part.split(";")]
        q = next((float(p[2:]) for p in params if p.startswith("q=")), 1.0)
        ranked.append((-q, index, media))
    for _, _, media in sorted(ranked):
        for candidate in offered:
            if media in (candidate, "*/*") or media == candidate.split("/")[0] + "/*":
                return candidate
    return None


@app.route("/products")
def products(request):
    kind = best(request.headers.get("Accept", "*/*"), ["application/json", "text/csv", "text/html"])
    if kind == "application/json":
        response = Response(json.dumps(PRODUCTS), 200, {"Content-Type": kind})
    elif kind == "text/csv":
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(PRODUCTS[0])
        writer.writerows(p.values() for p in PRODUCTS)
        response = Response(out.getvalue(), content_type="text/csv")
    elif kind == "text/html":
        response = Response("<ul>" + "".join(f"<li>{p['name']}" for p in PRODUCTS) + "</ul>", content_type="text/html")
    else:
        return "Not acceptable", 406
    response.headers["Vary"] = "Accept"
    etag = '"v1"'
    response.headers["ETag"] = etag
    if request.headers.get("If-None-Match") == etag:
        return "", 304
    return response
