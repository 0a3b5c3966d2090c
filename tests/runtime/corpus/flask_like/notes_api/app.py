from genapps import app, state, JSONResponse as jsonify


@app.route("/notes", methods=["GET"])
async def list_notes(request):
    notes = await state.get("notes", {})
    return jsonify(list(notes.values()))


@app.route("/notes", methods=["POST"])
async def add_note(request):
    notes = await state.get("notes", {})
    data = await request.json()
    note_id = str(len(notes) + 1)
    notes[note_id] = {"id": note_id, "text": data["text"]}
    await state.put("notes", notes)
    return jsonify(notes[note_id]), 201


@app.route("/notes/{note_id}", methods=["GET"])
async def get_note(request, note_id):
    notes = await state.get("notes", {})
    if note_id not in notes:
        return jsonify({"error": "not found"}), 404
    return jsonify(notes[note_id])


if __name__ == "__main__":
    app.run()
