from flask import Blueprint, request

from . import prices

bp = Blueprint("shop", __name__)


@bp.route("/prices")
def show():
    limit = request.args.get("limit", 10, type=int)
    return {name: str(price) for name, price in sorted(prices.PRICES.items())[:limit]}


@bp.route("/total", methods=["POST"])
def total():
    return {"total": str(prices.total(request.get_json()["lines"]))}


@bp.route("/items/<int:number>")
def item(number):
    return list(prices.PRICES)[number]
