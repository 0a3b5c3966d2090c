# SPDX-License-Identifier: Apache-2.0
"""Certificates and kubeconfigs of one run of a node: new at each start, removed with it."""

import base64
import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.node.settings import Node

LIFETIME = dt.timedelta(days=365)
# The users of the node's own parts. What upstream gives a narrow role has it; ours, which exist on this node only, and
# the administrator are masters, under names of their own so that the audit log tells them apart.
USERS = {
    "admin": ("admin", "system:masters"),
    "kubelet-client": ("kube-apiserver-kubelet-client", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", None),
    "kube-scheduler": ("system:kube-scheduler", None),
    "kube-proxy": ("system:kube-proxy", None),
    "enforcer": ("genapps-node-enforcer", "system:masters"),
    "provisioner": ("genapps-node-provisioner", "system:masters"),
    "coredns": ("genapps-node-coredns", "system:masters"),
}


@dataclass(frozen=True)
class Authority:
    """The node's certificate authority, in memory."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> "Authority":
        """A new authority with a key of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "genapps local node")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        return cls(key, builder.sign(key, hashes.SHA256()))

    def issue(self, directory: Path, file: str, user: str, group: str | None, names: tuple[str, ...] = ()) -> None:
        """Write `file`.crt and `file`.key for a client, and for a server when it has names."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
        if group:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        builder = _builder(x509.Name(attributes), self.certificate.subject, key.public_key())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        # Python 3.13 verifies strictly (RFC 5280) and refuses a certificate without it.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        write_secret(directory / f"{file}.key", _private(key))
        (directory / f"{file}.crt").write_bytes(_public(builder.sign(self.key, hashes.SHA256())))


def write(node: Node) -> None:
    """Write everything that the node's programs and its users authenticate with."""
    node.pki.mkdir(parents=True, mode=0o700)
    authority = Authority.new()
    (node.pki / "ca.crt").write_bytes(_public(authority.certificate))
    write_secret(node.pki / "ca.key", _private(authority.key))
    service = "kubernetes.default.svc"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.cluster.local", "localhost")
    addresses = ("127.0.0.1", node.address, node.api_service_address)
    authority.issue(node.pki, "apiserver", "kube-apiserver", None, (*names, *addresses))
    authority.issue(node.pki, "kubelet", f"system:node:{node.name}", "system:nodes", (node.name, node.address))
    _write_kubeconfig(node, "kubelet", node.pki / "kubelet.conf")
    for file, (user, group) in USERS.items():
        authority.issue(node.pki, file, user, group)
        _write_kubeconfig(node, file, node.pki / f"{file}.conf")
    _write_kubeconfig(node, "admin", node.kubeconfig)
    tokens = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_secret(node.pki / "tokens.key", _private(tokens))
    (node.pki / "tokens.pub").write_bytes(
        tokens.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    file.touch(mode=0o600)
    file.write_bytes(content)


def _write_kubeconfig(node: Node, user: str, file: Path) -> None:
    def embedded(name: str) -> str:
        return base64.b64encode((node.pki / name).read_bytes()).decode()

    cluster = {"server": node.server, "certificate-authority-data": embedded("ca.crt")}
    credentials = {"client-certificate-data": embedded(f"{user}.crt"), "client-key-data": embedded(f"{user}.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": node.name,
        "clusters": [{"name": node.name, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": node.name, "context": {"cluster": node.name, "user": user}}],
    }
    write_secret(file, yaml.safe_dump(config, sort_keys=False).encode())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
