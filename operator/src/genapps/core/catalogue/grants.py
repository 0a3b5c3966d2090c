# SPDX-License-Identifier: Apache-2.0
"""Which connectors a namespace may use."""

from collections.abc import Mapping

from genapps.api.connector import Connector


def granted(catalogue: Mapping[str, Connector], namespace: str) -> frozenset[str]:
    """The names of the connectors that are granted to the namespace (`spec.namespaces`)."""
    return frozenset(name for name, connector in catalogue.items() if namespace in connector.spec.namespaces)
