# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens: it signs them, and its public keys are as the gateway delivers them to runtimes."""

import base64
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://id.example.com"
CLUSTER = "https://kubernetes.default.svc"
AUDIENCE = "apps"
NOW = 1_800_000_000.0

CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key(algorithm: str) -> PrivateKey:
    if algorithm.startswith("RS"):
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[algorithm])


class TokenIssuer:
    """`keys` maps ids to algorithms and keys; the first one signs unless another is asked for."""

    def __init__(self, issuer: str = ISSUER, *algorithms: str) -> None:
        self.issuer = issuer
        self.keys: dict[str, tuple[str, PrivateKey]] = {}
        for algorithm in algorithms or ("ES256",):
            self.add(algorithm.lower(), algorithm)

    def add(self, key_id: str, algorithm: str = "ES256") -> None:
        self.keys[key_id] = algorithm, new_key(algorithm)

    def public(self, key_id: str) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return self.keys[key_id][1].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def delivered(self) -> dict[str, Any]:
        """As in the answer to a heartbeat."""
        keys = [
            {"id": key_id, "algorithm": algorithm, "key": base64.b64encode(self.public(key_id)).decode()}
            for key_id, (algorithm, _) in self.keys.items()
        ]
        return {"issuer": self.issuer, "keys": keys}

    def token(self, key_id: str = "", *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is good for a minute around NOW; claims that are None are left out."""
        key_id = key_id or next(iter(self.keys))
        algorithm, key = self.keys[key_id]
        given = {"iss": self.issuer, "aud": AUDIENCE, "exp": NOW + 60, "iat": NOW, **claims}
        stated = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(stated, key, algorithm, {"kid": key_id, **(header or {})})
