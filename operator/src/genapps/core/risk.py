# SPDX-License-Identifier: Apache-2.0
"""The effective risk class: the highest of what the app declares and what each of its connectors demands."""

from collections.abc import Iterable, Mapping

from genapps.api.connector import Connector
from genapps.api.envelope import RiskClass

_SHOWN = 2


def effective_risk(declared: RiskClass, connectors: Iterable[str], catalogue: Mapping[str, Connector]) -> RiskClass:
    """The highest of those classes. A connector outside the catalogue demands none: it cannot be called either."""
    return max((declared, *_demanded(connectors, catalogue).values()), key=lambda risk: risk.rank)


def risk_reason(declared: RiskClass, connectors: Iterable[str], catalogue: Mapping[str, Connector]) -> str:
    """Why it is that class, in a sentence: the connectors that raise it, or the app itself."""
    demanded = _demanded(connectors, catalogue)
    effective = max((declared, *demanded.values()), key=lambda risk: risk.rank)
    if effective is declared:
        return f"{effective}: declared in spec.envelope.riskClass"
    raising = sorted(name for name, risk in demanded.items() if risk is effective)
    shown = ", ".join(raising[:_SHOWN]) + (f" and {len(raising) - _SHOWN} more" if len(raising) > _SHOWN else "")
    who = f"connector {shown} demands" if len(raising) == 1 else f"connectors {shown} demand"
    return f"{effective}: {who} it, the app declares {declared}"


def _demanded(connectors: Iterable[str], catalogue: Mapping[str, Connector]) -> dict[str, RiskClass]:
    return {name: catalogue[name].spec.minimum_risk_class for name in connectors if name in catalogue}
