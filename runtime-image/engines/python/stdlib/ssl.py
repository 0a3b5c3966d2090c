# SPDX-License-Identifier: Apache-2.0
"""In place of Python's `ssl`, which needs native code: contexts can be made, and nothing can be connected to them."""

import enum
import errno
from typing import Any, Never

from stdlib.sockets import NO_NETWORK

__name__ = "ssl"  # what its classes say

HAS_SNI = HAS_ALPN = HAS_TLSv1_2 = HAS_TLSv1_3 = True
OPENSSL_VERSION = "none"
OPENSSL_VERSION_INFO = (0, 0, 0, 0, 0)
OP_ALL = OP_NO_SSLv2 = OP_NO_SSLv3 = OP_NO_COMPRESSION = OP_NO_TLSv1 = OP_NO_TLSv1_1 = OP_NO_TICKET = 0
PROTOCOL_TLS, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 2, 16, 17
PROTOCOL_SSLv23 = PROTOCOL_TLS


class SSLError(OSError):
    """As that of Python."""


class SSLCertVerificationError(SSLError, ValueError):
    """As that of Python."""


CertificateError = SSLCertVerificationError


class SSLWantReadError(SSLError):
    """As that of Python."""


class SSLWantWriteError(SSLError):
    """As that of Python."""


class SSLSyscallError(SSLError):
    """As that of Python."""


class SSLZeroReturnError(SSLError):
    """As that of Python."""


class SSLEOFError(SSLError):
    """As that of Python."""


class VerifyMode(enum.IntEnum):
    """As that of Python."""

    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = VerifyMode


class TLSVersion(enum.IntEnum):
    """As that of Python."""

    MINIMUM_SUPPORTED = -2
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772
    MAXIMUM_SUPPORTED = -1


class Purpose(enum.Enum):
    """As that of Python."""

    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


class SSLContext:
    """Takes settings, and connects nothing."""

    def __init__(self, protocol: int = PROTOCOL_TLS_CLIENT) -> None:
        self.protocol = protocol
        self.check_hostname = protocol == PROTOCOL_TLS_CLIENT
        self.verify_mode = CERT_REQUIRED if self.check_hostname else CERT_NONE
        self.minimum_version = TLSVersion.TLSv1_2
        self.maximum_version = TLSVersion.MAXIMUM_SUPPORTED
        self.options = self.verify_flags = 0
        self.post_handshake_auth = False

    def _ignore(self, *_: Any, **__: Any) -> None:
        """There are no connections for it."""

    load_default_certs = load_verify_locations = set_default_verify_paths = set_ciphers = _ignore
    load_cert_chain = set_alpn_protocols = set_npn_protocols = _ignore

    def _refuse(self, *_: Any, **__: Any) -> Never:
        raise PermissionError(errno.EACCES, NO_NETWORK)

    wrap_socket = wrap_bio = _refuse


def create_default_context(purpose: Purpose = Purpose.SERVER_AUTH, **_: Any) -> SSLContext:
    """A context that verifies."""
    return SSLContext(PROTOCOL_TLS_CLIENT if purpose is Purpose.SERVER_AUTH else PROTOCOL_TLS_SERVER)


def _create_unverified_context(*_: Any, **__: Any) -> SSLContext:
    context = SSLContext()
    context.check_hostname, context.verify_mode = False, CERT_NONE
    return context


def _create_stdlib_context(*_: Any, **__: Any) -> SSLContext:
    return _create_unverified_context()


_create_default_https_context = create_default_context


class SSLSocket:
    """There are none."""


class SSLObject:
    """There are none."""


class SSLSession:
    """There are none."""


class MemoryBIO:
    """There is nothing to read from it."""


def get_server_certificate(*_: Any, **__: Any) -> Never:
    """Connects, and so raises OSError."""
    raise PermissionError(errno.EACCES, NO_NETWORK)
