# SPDX-License-Identifier: Apache-2.0
"""The gateway's own certificate authority and the certificate it serves: pure functions, `now` is an argument.

Apps' pods have no DNS and trust one thing only, this authority. It lives ten years in a Secret; the certificate for
the listener is minted from it by each process for 90 days and never leaves that process.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
SKEW = timedelta(minutes=5)
"""Certificates are valid from a little before they are made: clocks of nodes differ."""


class AuthorityError(ValueError):
    """Stored key material cannot be used; the message says why (and holds none of it)."""


@dataclass(frozen=True, slots=True)
class Authority:
    """PEM certificate (published) and PEM PKCS #8 key (never leaves the Secret and this process)."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate for the listener (PEM), its key, and when to replace it."""

    certificate: bytes
    key: bytes = field(repr=False)
    renew_at: datetime
    expires_at: datetime


def new_authority(host: str, now: datetime) -> Authority:
    """A self-signed authority that can vouch for `host` only: a stolen key is of no use for any other name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "genapps gateway authority")])
    builder = (
        _builder(subject, subject, key.public_key(), now, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_constraints(host), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def verified(authority: Authority, host: str, now: datetime) -> Authority:
    """The stored authority if it can still issue for `host` (over one leaf's life); else AuthorityError."""
    certificate, key = _load(authority)
    if certificate.public_key() != key.public_key():
        raise AuthorityError("the certificate does not belong to the key")
    try:
        certificate.verify_directly_issued_by(certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise AuthorityError(f"not an authority of a gateway: {type(error).__name__}") from error
    if not ca or constraints != _constraints(host):
        raise AuthorityError(f"made for another name than {host}")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - LEAF_LIFE:
        raise AuthorityError(f"valid until {certificate.not_valid_after_utc:%Y-%m-%d} only")
    return authority


def new_leaf(authority: Authority, host: str, now: datetime) -> Leaf:
    """A certificate for `host`, to be renewed after two thirds of its life."""
    issuer, issuer_key = _load(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    expires_at = now + LEAF_LIFE
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "genapps gateway")])
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now, expires_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    certificate = _pem(builder.sign(issuer_key, hashes.SHA256()))
    return Leaf(certificate, _key_pem(key), renew_at=now + LEAF_LIFE * 2 / 3, expires_at=expires_at)


def _load(authority: Authority) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate)
        key = serialization.load_pem_private_key(authority.key, password=None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"not readable as PEM: {type(error).__name__}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError("not an elliptic curve key")
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, expires_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(expires_at)
    )


def _constraints(host: str) -> x509.NameConstraints:
    # A DNS constraint says nothing about addresses: they need their own exclusion.
    everywhere = [x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints(permitted_subtrees=[x509.DNSName(host)], excluded_subtrees=everywhere)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
