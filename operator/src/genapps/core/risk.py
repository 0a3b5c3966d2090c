"""The effective risk class: the highest of what the app declares and what each of its connectors demands."""

from collections.abc import Iterable, Mapping

from genapps.api.connector import Connector
from genapps.api.envelope import RiskClass


def effective_risk(declared: RiskClass, connectors: Iterable[str], catalogue: Mapping[str, Connector]) -> RiskClass:
    """A connector that is not in the catalogue demands nothing: it cannot be called either."""
    demanded = (catalogue[name].spec.minimum_risk_class for name in connectors if name in catalogue)
    return max((declared, *demanded), key=lambda risk: risk.rank)
