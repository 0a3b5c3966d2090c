# SPDX-License-Identifier: Apache-2.0
"""The authority and its certificates, at chosen moments."""

from datetime import timedelta

import pytest
from cryptography import x509

from genapps.gateway.tls.certificates import (
    AUTHORITY_LIFE,
    LEAF_LIFE,
    Authority,
    AuthorityError,
    new_authority,
    new_leaf,
    verified,
)
from tests.unit.gateway.world import NOON

HOST = "gateway.genapps-system.svc"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority(HOST, NOON)


def test_an_authority_lives_ten_years_and_vouches_for_one_name_only(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.certificate)
    assert certificate.not_valid_after_utc == NOON + timedelta(days=3650)
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.DNSName(HOST)]
    assert len(constraints.value.excluded_subtrees or ()) == 2, "all addresses, of both families"
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)


def test_a_leaf_is_valid_for_ninety_days_for_the_host_and_renewed_after_two_thirds(authority: Authority) -> None:
    leaf = new_leaf(authority, HOST, NOON)
    certificate = x509.load_pem_x509_certificate(leaf.certificate)
    assert leaf.expires_at == certificate.not_valid_after_utc == NOON + timedelta(days=90)
    assert leaf.renew_at == NOON + timedelta(days=60)
    assert certificate.not_valid_before_utc < NOON, "clocks of nodes differ"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))


def test_a_stored_authority_is_used_again_as_long_as_a_leaf_fits_into_its_life(authority: Authority) -> None:
    assert verified(authority, HOST, NOON) is authority
    last_moment = NOON + AUTHORITY_LIFE - LEAF_LIFE
    assert verified(authority, HOST, last_moment - timedelta(seconds=1)) is authority
    with pytest.raises(AuthorityError, match="valid until"):
        verified(authority, HOST, last_moment)


def test_a_stored_authority_for_another_name_is_refused(authority: Authority) -> None:
    with pytest.raises(AuthorityError, match="another name"):
        verified(authority, "gateway.elsewhere.svc", NOON)


def test_foreign_and_broken_key_material_is_refused(authority: Authority) -> None:
    other = new_authority(HOST, NOON)
    leaf = new_leaf(authority, HOST, NOON)
    for broken in (
        Authority(authority.certificate, other.key),
        Authority(b"nonsense", authority.key),
        Authority(authority.certificate, b""),
        Authority(leaf.certificate, leaf.key),
    ):
        with pytest.raises(AuthorityError):
            verified(broken, HOST, NOON)


def test_keys_do_not_show_in_representations(authority: Authority) -> None:
    assert "PRIVATE" not in repr(authority)
    assert "PRIVATE" not in repr(new_leaf(authority, HOST, NOON))
