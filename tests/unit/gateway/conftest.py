# SPDX-License-Identifier: Apache-2.0
"""One key pair for the session (making one takes 100 ms), one gateway for each test."""

import pytest

from tests.unit.gateway.world import Installation, Issuer, Store, public_key


@pytest.fixture(scope="session")
def session_issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def issuer(session_issuer: Issuer) -> Issuer:
    session_issuer.published = [public_key(session_issuer.key, session_issuer.key_id)]
    session_issuer.fetches = 0
    session_issuer.down = False
    return session_issuer


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def gateway(issuer: Issuer) -> Installation:
    return Installation(issuer)
