from flask import Flask, flash, redirect, render_template, request, session, url_for

app = Flask(__name__)
app.secret_key = "change-me"

ROOMS = {"blue": 4, "green": 8}


@app.route("/")
def index():
    return render_template("index.html", rooms=ROOMS, chosen=session.get("room"))


@app.route("/choose", methods=["POST"])
def choose():
    room = request.form.get("room", "")
    if room not in ROOMS:
        flash("There is no such room")
    else:
        session["room"] = room
        flash(f"You chose {room}")
    return redirect(url_for("index"))


@app.errorhandler(404)
def not_found(error):
    return render_template("index.html", rooms={}, chosen=None), 404


if __name__ == "__main__":
    app.run(debug=True)
