# SPDX-License-Identifier: Apache-2.0
"""Does the app comply with the policy of its budget, and use only supported fields?

A field that restricts or selects and is not supported yet is refused: an app must never run without a restriction
that it asked for.
"""

from collections.abc import Sequence
from functools import partial

from genapps.api.conditions import ConditionType, Reason
from genapps.api.generatedapp import Stage
from genapps.core.catalogue.grants import granted
from genapps.core.checks.facts import Facts
from genapps.core.code.registries import may_pull
from genapps.core.verdict import Effect, Finding

_UNKNOWN_SHOWN, _USABLE_SHOWN = 3, 7
"""So many connectors are listed: with 63 characters a name they fit into a condition's message."""

_finding = partial(Finding, ConditionType.ENVELOPE_VALID)


def fields_supported(facts: Facts) -> Finding | None:
    """The app sets no field that restricts or selects and is not built yet; else NOT_YET_SUPPORTED."""
    spec = facts.app.spec
    unsupported = {
        f"spec.stage {spec.stage}": ("use Development", spec.stage is not Stage.DEVELOPMENT),
        "spec.attestation": ("remove it", spec.attestation is not None),
    }
    asked = [f"{field} ({way_out})" for field, (way_out, present) in unsupported.items() if present]
    if not asked:
        return None
    return _finding(Reason.NOT_YET_SUPPORTED, f"Not supported yet: {', '.join(asked)}.", Effect.STOP)


def risk_allowed(facts: Facts) -> Finding | None:
    """The effective risk class is within that of the budget; else RISK_CLASS_NOT_ALLOWED."""
    if facts.budget is None or facts.risk.rank <= facts.budget.spec.policy.max_risk_class.rank:
        return None
    return _finding(
        Reason.RISK_CLASS_NOT_ALLOWED,
        f"The effective risk class is {facts.risk}. AppBudget {facts.app.spec.budget} allows "
        f"at most {facts.budget.spec.policy.max_risk_class}. "
        "Use less risky connectors, or ask the platform team for another budget.",
        Effect.STOP,
    )


def language_allowed(facts: Facts) -> Finding | None:
    """The budget allows the language; else LANGUAGE_NOT_ALLOWED."""
    language = facts.app.spec.code.language
    if facts.budget is None or language in facts.budget.spec.policy.languages:
        return None
    allowed = ", ".join(facts.budget.spec.policy.languages) or "none"
    return _finding(
        Reason.LANGUAGE_NOT_ALLOWED,
        f"AppBudget {facts.app.spec.budget} does not allow spec.code.language {language}. Use one of: {allowed}.",
        Effect.STOP,
    )


def workload_class_allowed(facts: Facts) -> Finding | None:
    """The budget allows the workload class; else WORKLOAD_CLASS_NOT_ALLOWED."""
    wanted = facts.app.spec.workload_class
    if facts.budget is None or wanted in facts.budget.spec.policy.workload_classes:
        return None
    allowed = ", ".join(facts.budget.spec.policy.workload_classes) or "none"
    return _finding(
        Reason.WORKLOAD_CLASS_NOT_ALLOWED,
        f"AppBudget {facts.app.spec.budget} does not allow spec.workloadClass {wanted}. Use one of: {allowed}.",
        Effect.STOP,
    )


def image_registry_allowed(facts: Facts) -> Finding | None:
    """The budget allows the registry of the image; else IMAGE_REGISTRY_NOT_ALLOWED."""
    image = facts.app.spec.code.source.image
    if image is None or facts.budget is None:
        return None
    if may_pull(image.reference, facts.app.metadata.namespace, facts.budget, facts.observed.platform):
        return None
    allowed = ", ".join(facts.budget.spec.policy.image_registries) or "none"
    return _finding(
        Reason.IMAGE_REGISTRY_NOT_ALLOWED,
        f"AppBudget {facts.app.spec.budget} does not allow the registry of spec.code.source.image. "
        f"Push the code to one of: {allowed}.",
        Effect.STOP,
    )


def connectors_granted(facts: Facts) -> Finding | None:
    """Each connector of the envelope is in the catalogue and granted to the namespace; else CONNECTOR_UNKNOWN.

    It holds and does not stop: what runs loses its calls, which the gateway refuses, and not its other work."""
    namespace = facts.app.metadata.namespace
    usable = granted(facts.observed.connectors, namespace)
    unknown = sorted(set(facts.app.spec.envelope.connectors) - usable)
    if not unknown:
        return None
    # The same words for one that does not exist and one that others have: names of connectors tell of systems.
    return _finding(
        Reason.CONNECTOR_UNKNOWN,
        f"spec.envelope.connectors: {_listed(unknown, _UNKNOWN_SHOWN)} not known in namespace {namespace}. "
        f"Use one of: {_listed(sorted(usable), _USABLE_SHOWN)}. Or ask the platform team to grant it in "
        "spec.namespaces of its Connector. Calls of it are refused.",
    )


def _listed(names: Sequence[str], most: int) -> str:
    shown = ", ".join(names[:most]) or "none"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
