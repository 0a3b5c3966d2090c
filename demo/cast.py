# SPDX-License-Identifier: Apache-2.0
"""The apps of the demo (`examples/<name>.yaml`) and the requests that show what each of them does."""

from demo.apps import Request

EXPENSES = """\
day,team,amount
2026-11-02,travel,120.50
2026-11-03,travel,79.50
2026-11-09,office,310
"""

CAST: dict[str, tuple[Request, ...]] = {
    "csv-summary": (Request("POST", "/?format=text", EXPENSES, "text/csv", "sum=510.0"),),
    "unit-converter": (
        Request("GET", "/convert?value=26.2&from=mi&to=km", None, "", "42.16"),
        Request("GET", "/history", None, "", "42.16"),
    ),
    "text-diff": (
        Request("POST", "/", '{"before": "pay 10 CHF", "after": "pay 1000 CHF"}', "application/json", "+pay 1000 CHF"),
    ),
    "short-links": (
        Request("POST", "/links", '{"url": "https://example.com/a/long/way"}', "application/json", '"link"', 201),
        Request("GET", "/links", None, "", "example.com/a/long/way"),
    ),
}
CURIOUS = "curious"
CURIOUS_REQUEST = Request("GET", "/", None, "", "")
