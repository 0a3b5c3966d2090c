# SPDX-License-Identifier: Apache-2.0
"""Are the names and the state that the app would take really its own?"""

from genapps.api.conditions import ConditionType, Reason, explained
from genapps.core.checks.facts import Facts
from genapps.core.verdict import Effect, Finding


def name_free(facts: Facts) -> Finding | None:
    """Every object under the app's child names is labelled as this app's; else NAME_TAKEN."""
    taken = [
        f"{child.kind} {child.name}" for child in facts.observed.children.values() if child.app != facts.observed.key
    ]
    if not taken:
        return None
    changed = facts.observed.children.get(("Pod", facts.observed.child_name))
    if len(taken) == 1 and changed and changed.app != facts.observed.key and changed.spec_digest:
        # It was made by an operator: nobody else notes what it was made of.
        message = (
            f"Another component changes metadata.labels of pod {changed.name}. Exempt the run namespace from it, then "
            "delete the pod."
        )
        return Finding(ConditionType.STALLED, Reason.POD_MUTATED, message, Effect.LEAVE)
    message = f"{', '.join(sorted(taken))} belongs to another app or user. Choose another app name."
    return Finding(ConditionType.STALLED, Reason.NAME_TAKEN, message, Effect.LEAVE)


def name_left(facts: Facts) -> Finding | None:
    """No earlier app of the name has left what this one may not take over; else BEING_PURGED or CLAIM_NOT_ADOPTED."""
    earlier = facts.observed.earlier
    if earlier is None:
        return None
    if earlier.purged:
        message = explained(Reason.BEING_PURGED)
        return Finding(ConditionType.STALLED, Reason.BEING_PURGED, message, Effect.LEAVE)
    message = (
        "The state and record kept under this name belong to another owner, or to an earlier namespace of the same "
        "name. Choose another app name, wait until their retention ends, or ask the platform team to purge them."
    )
    return Finding(ConditionType.STALLED, Reason.CLAIM_NOT_ADOPTED, message, Effect.LEAVE)


def claim_adoptable(facts: Facts) -> Finding | None:
    """The claim under the child name is of the same owner and the same namespace by uid; else CLAIM_NOT_ADOPTED."""
    claim = facts.observed.claim
    if claim is None or facts.live:
        return None
    owner, namespace_uid = facts.app.spec.envelope.owner.team, facts.observed.namespace_uid
    if (claim.owner, claim.namespace_uid) == (owner, namespace_uid):
        return None
    message = (
        "The state kept under this name belongs to another owner, or to an earlier namespace of the same name. "
        "Choose another app name, or ask the platform team to delete the old claim."
    )
    return Finding(ConditionType.STALLED, Reason.CLAIM_NOT_ADOPTED, message, Effect.STOP)
