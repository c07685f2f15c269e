"""The certificate of an HTTPS endpoint, checked at the start."""

from __future__ import annotations

import os
import ssl

from tradmetrics.errors import ConfigurationError


def tls_context(certfile: str | None, keyfile: str | None) -> ssl.SSLContext | None:
    """Return what speaks TLS with this certificate; None without one.

    Raises:
        ConfigurationError: When a file cannot be read, or the two make no certificate with its key.
    """
    if certfile is None:
        if keyfile is not None:
            raise ConfigurationError(f"keyfile {keyfile!r} is given without its certificate; add certfile=")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, file in (("certfile", certfile), ("keyfile", keyfile)):
        if file is None:
            continue
        if not isinstance(file, (str, os.PathLike)):
            raise ConfigurationError(f"{name} must be a path, not {file!r}")
        try:
            open(file, "rb").close()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(f"the TLS file {file!r} cannot be read: {reason}") from error
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certfile, keyfile, password="")
    except (ssl.SSLError, ValueError) as error:
        source = f"certfile {certfile!r}" + (f" and keyfile {keyfile!r}" if keyfile else " without keyfile")
        raise ConfigurationError(
            f"{source} make no certificate with its unencrypted private key, both in PEM format: {error}"
        ) from error
    return context
