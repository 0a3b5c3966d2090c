from flask import Flask, request

app = Flask(__name__)


@app.route("/")
def index():
    name = request.args.get("name", "world")
    return f"<h1>Hello, {name.title()}!</h1>"


@app.route("/shout", methods=["POST"])
def shout():
    text = request.form.get("text", "")
    if not text:
        return {"error": "text is required"}, 400
    return {"shouted": text.upper() + "!"}


@app.route("/health")
def health():
    return {"status": "ok"}


if __name__ == "__main__":
    app.run(debug=True)
