# SPDX-License-Identifier: Apache-2.0
"""Places under a budget that apps hold before their records say so."""

from genapps.controller.cache.budget_reservations import BudgetReservations
from genapps.controller.cache.keys import AppKey

FIRST, SECOND = AppKey("team", "first"), AppKey("team", "second")


def test_an_app_does_not_count_against_itself() -> None:
    reservations = BudgetReservations()
    reservations.reserve(FIRST, "finance")
    assert reservations.others(FIRST, "finance") == 0
    assert reservations.others(SECOND, "finance") == 1
    assert reservations.others(SECOND, "sales") == 0


def test_an_app_holds_one_place_however_often_it_is_judged() -> None:
    reservations = BudgetReservations()
    for budget in ("finance", "finance", "sales"):
        reservations.reserve(FIRST, budget)
    assert (reservations.others(SECOND, "finance"), reservations.others(SECOND, "sales")) == (0, 1)


def test_an_app_holds_its_place_under_one_budget_only() -> None:
    reservations = BudgetReservations()
    reservations.reserve(FIRST, "finance")
    assert reservations.holds(FIRST, "finance")
    assert not reservations.holds(FIRST, "sales")
    assert not reservations.holds(SECOND, "finance")


def test_a_place_is_given_back_once() -> None:
    reservations = BudgetReservations()
    reservations.reserve(FIRST, "finance")
    reservations.release(FIRST)
    reservations.release(FIRST)
    assert reservations.others(SECOND, "finance") == 0
