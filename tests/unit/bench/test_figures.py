# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from bench.figures import Figure, Peer, figure, peer
from bench.goals import GOALS, Goal
from bench.report import text, write
from bench.table import WIDTH, number, table

WARM = figure("warm request, c=32", "req/s", "engine", [30_000, 31_000, 29_000], Peer("workerd", 7_000))
READY = figure("apply to Ready and answering", "s", "kubernetes", [1.0, 1.3, 1.5])


def test_a_figure_has_the_median_and_p95_of_its_samples() -> None:
    made = figure("x", "s", "kubernetes", [float(value) for value in range(100, 0, -1)])
    assert (made.median, made.p95, made.n, made.peer, made.ratio) == (50.5, 95, 100, None, None)


def test_an_empty_measurement_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no samples"):
        figure("x", "s", "engine", [])
    assert peer("workerd", []) is None


def test_the_file_has_peer_and_ratio_only_where_there_is_a_peer(tmp_path: Path) -> None:
    write(tmp_path / "build" / "bench.json", [WARM, READY])
    warm, ready = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert warm == {
        "name": "warm request, c=32",
        "unit": "req/s",
        "kind": "engine",
        "median": 30000,
        "p95": 31000,
        "n": 3,
        "peer": {"name": "workerd", "median": 7000},
        "ratio": 4.286,
    }
    assert set(ready) == {"name", "unit", "kind", "median", "p95", "n"}


def test_the_table_keeps_engine_and_kubernetes_apart_and_fits_a_terminal() -> None:
    long = Figure("a name that is far too long for its column", "a long unit", "engine", 123456.7, 1e9, 9999, WARM.peer)
    lines = table([READY, WARM, long]).splitlines()
    assert max(map(len, lines)) <= WIDTH
    engine, kubernetes = (next(i for i, line in enumerate(lines) if line.startswith(t)) for t in ("ENGINE", "ON KUBE"))
    assert engine < next(i for i, line in enumerate(lines) if line.startswith("warm request")) < kubernetes
    assert kubernetes < next(i for i, line in enumerate(lines) if line.startswith("apply to Ready"))


def test_a_row_shows_the_peer_the_ratio_and_whether_the_goal_is_met() -> None:
    rows = table([WARM, READY]).splitlines()
    warm = next(row for row in rows if row.startswith("warm"))
    ready = next(row for row in rows if row.startswith("apply"))
    assert " ".join(warm.split()) == "warm request, c=32 req/s 30,000 31,000 3 workerd 7,000 4.29x >= 4x +"
    assert ready.endswith("<= 1.2 !")


def test_a_ratio_goal_without_a_peer_is_neither_met_nor_missed() -> None:
    alone = figure("warm request, c=32", "req/s", "engine", [30_000])
    assert Goal(">=", 4, "ratio").met(alone) is None
    assert table([alone]).splitlines()[3].endswith(">= 4x")


def test_the_report_says_when_figures_mean_nothing() -> None:
    assert "--quick" in text([WARM], ["no npm"], quick=True)
    assert text([WARM], ["no npm"], quick=False).endswith("note: no npm")


def test_every_goal_belongs_to_a_figure_that_is_measured() -> None:
    folder = Path(__file__).parents[3] / "bench"
    measured = "".join(file.read_text() for part in ("engine", "cluster") for file in (folder / part).glob("*.py"))
    assert [name for name in GOALS if f'"{name}"' not in measured] == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (0.01234, "0.0123"), (1.0, "1.00"), (9.999, "10.00"),
        (12.34, "12.3"), (123.4, "123"), (999.7, "1,000"), (57_123.4, "57,100"),
    ],
)  # fmt: skip
def test_a_number_has_three_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown
