from flask import Flask, request

app = Flask(__name__)

PAGE = """<form>
<input name="bill" value="{bill}"> <input name="percent" value="{percent}">
<button>Calculate</button>
</form>
<p>Tip: {tip:.2f}, total: {total:.2f}</p>"""


@app.route("/")
def index():
    try:
        bill = float(request.args.get("bill", "0"))
        percent = float(request.args.get("percent", "15"))
    except ValueError:
        return "Please enter numbers", 400
    tip = bill * percent / 100
    return PAGE.format(bill=bill, percent=percent, tip=tip, total=bill + tip)
