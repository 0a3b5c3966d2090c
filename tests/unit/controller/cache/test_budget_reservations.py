"""Places under a budget that apps hold before their records say so."""

from genapps.controller.cache.budget_reservations import Newcomers
from genapps.controller.cache.keys import AppKey

FIRST, SECOND = AppKey("team", "first"), AppKey("team", "second")


def test_an_app_does_not_count_against_itself() -> None:
    newcomers = Newcomers()
    newcomers.admit(FIRST, "finance")
    assert newcomers.others(FIRST, "finance") == 0
    assert newcomers.others(SECOND, "finance") == 1
    assert newcomers.others(SECOND, "sales") == 0


def test_an_app_holds_one_place_however_often_it_is_judged() -> None:
    newcomers = Newcomers()
    for budget in ("finance", "finance", "sales"):
        newcomers.admit(FIRST, budget)
    assert (newcomers.others(SECOND, "finance"), newcomers.others(SECOND, "sales")) == (0, 1)


def test_an_app_holds_its_place_under_one_budget_only() -> None:
    newcomers = Newcomers()
    newcomers.admit(FIRST, "finance")
    assert newcomers.holds(FIRST, "finance")
    assert not newcomers.holds(FIRST, "sales")
    assert not newcomers.holds(SECOND, "finance")


def test_a_place_is_given_back_once() -> None:
    newcomers = Newcomers()
    newcomers.admit(FIRST, "finance")
    newcomers.release(FIRST)
    newcomers.release(FIRST)
    assert newcomers.others(SECOND, "finance") == 0
