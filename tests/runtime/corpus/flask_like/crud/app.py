from genapps import app, state, JSONResponse as jsonify, BadRequest


@app.route("/items", methods=["GET"])
async def list_items(request):
    items = await state.get("items", {})
    return jsonify(list(items.values()))


@app.route("/items", methods=["POST"])
async def create_item(request):
    data = await request.json()
    if not data or "name" not in data:
        return jsonify({"error": "name is required"}), 400
    items = await state.get("items", {})
    item = {"id": max(map(int, items), default=0) + 1, "name": data["name"], "done": False}
    items[item["id"]] = item
    await state.put("items", items)
    return jsonify(item), 201, {"Location": f"/items/{item['id']}"}


@app.route("/items/{item_id}", methods=["GET", "PUT", "PATCH", "DELETE"])
async def one_item(request, item_id):
    items = await state.get("items", {})
    item = items.get(item_id)
    if item is None:
        return jsonify({"error": "not found"}), 404
    if request.method == "DELETE":
        del items[item_id]
    elif request.method == "PATCH":
        item.update(await request.json())
    elif request.method == "PUT":
        data = await request.json()
        if set(data) != {"name", "done"}:
            raise BadRequest("PUT needs name and done")
        items[item_id] = item = {"id": int(item_id), **data}
    await state.put("items", items)
    return ("", 204) if request.method == "DELETE" else jsonify(item)
