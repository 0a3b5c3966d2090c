from flask import Flask, jsonify, request

app = Flask(__name__)
notes = {}


@app.route("/notes", methods=["GET"])
def list_notes():
    return jsonify(list(notes.values()))


@app.route("/notes", methods=["POST"])
def add_note():
    data = request.get_json()
    note_id = str(len(notes) + 1)
    notes[note_id] = {"id": note_id, "text": data["text"]}
    return jsonify(notes[note_id]), 201


@app.route("/notes/<note_id>", methods=["GET"])
def get_note(note_id):
    if note_id not in notes:
        return jsonify({"error": "not found"}), 404
    return jsonify(notes[note_id])


if __name__ == "__main__":
    app.run()
