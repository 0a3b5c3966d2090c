from decimal import Decimal

PRICES = {"tea": Decimal("2.50"), "cake": Decimal("3.75")}


def total(lines):
    return sum((PRICES[line["item"]] * line.get("count", 1) for line in lines), Decimal(0))
