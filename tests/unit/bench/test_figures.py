# SPDX-License-Identifier: Apache-2.0
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.engine.forms import FORMS
from bench.engine.warm_request import CONNECTIONS
from bench.figures import Figure, Peer, figure, peer
from bench.goals import GOALS, Goal
from bench.report import text, write
from bench.table import WIDTH, number, table

WARM = figure(
    "warm request, c=32",
    "req/s",
    "engine",
    [30_000, 31_000, 29_000],
    Peer("workerd JS", 7_000),
    Peer("FastAPI", 12_000),
    Peer("Starlette", 18_000, unlike="it ran on CPython 3.11, PGO"),
)
READY = figure("apply to Ready and answering", "s", "kubernetes", [1.0, 1.3, 1.5])


def test_a_figure_has_the_median_and_p95_of_its_samples() -> None:
    made = figure("x", "s", "kubernetes", [float(value) for value in range(100, 0, -1)])
    assert (made.median, made.p95, made.n, made.peers) == (50.5, 95, 100, ())


def test_an_empty_measurement_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no samples"):
        figure("x", "s", "engine", [])
    assert peer("workerd", []) is None


def test_the_file_says_on_what_it_ran_and_has_ratios_only_where_they_may_be_given(tmp_path: Path) -> None:
    write(tmp_path / "build" / "bench.json", [WARM, READY], {"genapps": "CPython"})
    written = json.loads((tmp_path / "build" / "bench.json").read_text())
    warm, ready = written["figures"]
    assert written["ranOn"] == {"genapps": "CPython"}
    assert warm == {
        "name": "warm request, c=32",
        "unit": "req/s",
        "kind": "engine",
        "median": 30000,
        "p95": 31000,
        "n": 3,
        "peers": [
            {"name": "workerd JS", "median": 7000, "ratio": 4.286},
            {"name": "FastAPI", "median": 12000, "ratio": 2.5},
            {"name": "Starlette", "median": 18000, "unlike": "it ran on CPython 3.11, PGO"},
        ],
    }
    assert set(ready) == {"name", "unit", "kind", "median", "p95", "n"}


def test_a_disturbed_figure_has_no_ratio_and_says_so() -> None:
    told = replace(WARM, disturbed=True, limited=True).as_json()
    assert (told["disturbed"], told["generatorLimited"]) == (True, True)
    assert [peer for peer in told["peers"] if "ratio" in peer] == []


def test_the_table_keeps_engine_and_kubernetes_apart_and_fits_a_terminal() -> None:
    long = Figure(
        "a name that is far too long for its column", "a long unit", "engine", 123456.7, 1e9, 9999, WARM.peers
    )
    lines = table([READY, WARM, long]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    engine, kubernetes = (next(i for i, line in enumerate(lines) if line.startswith(t)) for t in ("ENGINE", "ON KUBE"))
    assert engine < next(i for i, line in enumerate(lines) if line.startswith("warm request")) < kubernetes
    assert kubernetes < next(i for i, line in enumerate(lines) if line.startswith("apply to Ready"))


def rows_of(*figures: Figure) -> list[str]:
    return [" ".join(line.split()) for line in table(figures).splitlines()]


def test_each_peer_has_a_line_with_its_ratio_and_whether_its_goal_is_met() -> None:
    rows = rows_of(WARM, READY)
    at = next(number for number, row in enumerate(rows) if row.startswith("warm"))
    assert rows[at : at + 3] == [
        "warm request, c=32 req/s 30,000 31,000 3 workerd JS 7,000 4.29x >= 4x met",
        "FastAPI 12,000 2.50x >= 3x missed",
        "Starlette 18,000 >= 1.5x",
    ]
    assert next(row for row in rows if row.startswith("apply")).endswith("<= 1.2 missed")


def test_a_busy_machine_has_neither_ratios_nor_verdicts() -> None:
    rows = rows_of(replace(WARM, disturbed=True))
    assert [row for row in rows if row.endswith("machine busy: no ratio")] == rows[3:6]
    assert not [row for row in rows if " met" in row or "missed" in row]
    assert max(map(len, table([replace(WARM, disturbed=True)]).splitlines())) <= WIDTH


def test_a_goal_that_names_no_peer_stands_beside_the_first_line_that_is_free() -> None:
    name = "never-seen app, first response"
    row = rows_of(figure(name, "ms", "engine", [3.5], Peer("workerd JS", 7)))[3]
    assert row == f"{name} ms 3.50 1 workerd JS 7.00 0.500x <= 3.8 met"


def test_a_figure_of_kubernetes_is_not_judged_by_the_engines_goal() -> None:
    name = "warm request, c=1, p50"
    assert rows_of(figure(name, "ms", "kubernetes", [0.3]))[3] == f"{name} ms 0.300 1"


def test_a_full_generator_is_marked_and_explained() -> None:
    marked = replace(WARM, limited=True, peers=(replace(WARM.peers[0], limited=True),))
    text_of = table([marked])
    assert "30,000*" in text_of
    assert "workerd JS 7,000*" in text_of
    assert "* the load generator used more than 90 %" in text_of
    assert "*" not in table([WARM])


def test_a_ratio_goal_without_a_peer_is_neither_met_nor_missed() -> None:
    alone = figure("warm request, c=32", "req/s", "engine", [30_000])
    assert Goal(">=", 4, "workerd JS").met(alone) is None
    assert rows_of(alone)[3:6] == ["warm request, c=32 req/s 30,000 1 >= 4x", ">= 3x", ">= 1.5x"]


def test_the_report_says_what_ran_and_when_figures_mean_nothing() -> None:
    ran_on = {"FastAPI": "fastapi 1"}
    assert "--quick" in text([WARM], ["no npm"], ran_on, quick=True)
    assert text([WARM], ["no npm"], ran_on, quick=False).endswith("FastAPI: fastapi 1\nnote: no npm")


def test_every_goal_belongs_to_a_figure_that_is_measured() -> None:
    folder = Path(__file__).parents[3] / "bench"
    rooms = ("engine", "gateway", "cluster")
    measured = "".join(file.read_text() for room in rooms for file in (folder / room).rglob("*.py"))
    # The rows of a number of connections, and those of the forms, are named in a loop; some rows begin with one name.
    measured += "".join(
        f'"warm request, c={number}{part}"' for number in CONNECTIONS for part in ("", ", p50", ", p99")
    )
    measured += "".join(f'"{form} app, c=32"' for form in FORMS)
    beside = re.findall(r'beside_workerd\(context, "([^"]+)"', measured)
    measured += "".join(f'"{name}{part}"' for name in beside for part in ("", ", p50", ", p99"))
    assert [name for _, name in GOALS if f'"{name}"' not in measured] == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (0.01234, "0.0123"), (1.0, "1.00"), (9.999, "10.00"),
        (12.34, "12.3"), (123.4, "123"), (999.7, "1,000"), (57_123.4, "57,100"),
    ],
)  # fmt: skip
def test_a_number_has_three_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown
