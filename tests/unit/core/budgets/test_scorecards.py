# SPDX-License-Identifier: Apache-2.0
"""How families of apps do."""

from typing import Any

from genapps.core.budgets.scorecards import MOST_FAMILIES, Member, family_figures, scorecards
from tests.unit.core.budgets.test_balance import account


def member(family: str = "forms", *connectors: str, code: str | None = None, **parts: Any) -> Member:
    return Member(family, connectors, code, account(**parts) if parts else None)


def test_a_family_adds_up_what_its_apps_did() -> None:
    (card,) = scorecards(
        [
            member(
                "forms",
                "crm",
                "mail",
                code="a",
                spent={"costMicros": 3_000_000, "toolCalls": 6},
                activity={"actions": 10, "fallbacks": 1, "cacheHits": 2, "savedMicros": 500_000},
            ),
            member(
                "forms",
                "crm",
                code="a",
                spent={"costMicros": 1, "toolCalls": 0},
                activity={"actions": 10, "retries": 5, "refusedMicros": 250_000},
            ),
            member("forms", "fx", code="b"),
        ]
    )
    assert card == {
        "family": "forms",
        "apps": 3,
        "actions": 20,
        "costPerAction": "0.150001",
        "cacheHitRatio": "0.250",
        "sharedConnectors": 1,
        "sharedCode": 2,
        "fallbackRatio": "0.050",
        "retryRatio": "0.250",
        "savedUSD": "0.50",
        "refusedUSD": "0.25",
    }


def test_of_a_family_that_did_nothing_there_are_no_ratios() -> None:
    (card,) = scorecards([member()])
    assert card == {
        "family": "forms",
        "apps": 1,
        "actions": 0,
        "sharedConnectors": 0,
        "sharedCode": 0,
        "savedUSD": "0",
        "refusedUSD": "0",
    }


def test_those_that_cost_most_are_told_first_and_no_more_than_there_is_room_for() -> None:
    many = [member(f"f{number}", spent={"costMicros": number}) for number in range(MOST_FAMILIES + 5)]
    cards = scorecards(many)
    assert len(cards) == MOST_FAMILIES
    assert cards[0]["family"] == f"f{MOST_FAMILIES + 4}"


def test_apps_that_share_no_code_share_none() -> None:
    (card,) = scorecards([member(code="a"), member(code="b"), member(), member()])
    assert card["sharedCode"] == 0


def test_families_that_are_told_as_one_share_what_any_of_them_shares() -> None:
    members = [
        member("dear", "crm", code="a", spent={"costMicros": 9}),
        member("forms", "crm", code="b", spent={"costMicros": 2}, activity={"actions": 1}),
        member("reports", "crm", code="b", spent={"costMicros": 1}, activity={"actions": 1}),
    ]
    dear, rest = family_figures(members, 1, "rest")
    assert (dear.family, dear.shared_connectors) == ("dear", 0)
    assert (rest.family, rest.apps, rest.cost_per_action) == ("rest", 2, 2)
    assert (rest.shared_connectors, rest.shared_code) == (1, 2)
