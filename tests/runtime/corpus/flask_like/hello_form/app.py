from genapps import app


@app.route("/")
def index(request):
    name = request.args.get("name", "world")
    return f"<h1>Hello, {name.title()}!</h1>"


@app.route("/shout", methods=["POST"])
async def shout(request):
    text = (await request.form()).get("text", "")
    if not text:
        return {"error": "text is required"}, 400
    return {"shouted": text.upper() + "!"}


@app.route("/health")
def health(request):
    return {"status": "ok"}


if __name__ == "__main__":
    app.run(debug=True)
