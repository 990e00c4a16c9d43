"""How the box speaks TLS.

The "intermediate" profile of Mozilla's server-side TLS guidelines (version 5.7) without its DHE suites: TLS
1.2 and 1.3, forward secrecy and authenticated encryption throughout.
"""

from __future__ import annotations

import os
import ssl
from typing import Final

from stenobox.errors import CertificateInvalid
from stenobox.tls.pair import Pair

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
"""Of TLS 1.2; all suites of TLS 1.3 are good."""


def server_context(pair: Pair) -> ssl.SSLContext:
    """A context of its own for each certificate: OpenSSL keeps one for every kind of key in a context, and
    one that was replaced by another kind would still be served. Raises CertificateInvalid.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Tickets are sealed with a key that lives as long as the process; without them a session's secrets go
    # with it.
    context.options |= ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    # From memory, so that exactly what was checked is served, whatever happens to the files meanwhile.
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pair.pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise CertificateInvalid(
            problem=f"OpenSSL does not take the certificate ({error.reason})."
        ) from error
    finally:
        os.close(descriptor)
    return context
