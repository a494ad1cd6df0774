"""Whether a mail server takes TLS from us: asked with the standard library, and nothing is sent."""

from __future__ import annotations

import smtplib
import ssl

_TIMEOUT = 10.0


class NoTls(Exception):
    """The server answers, but not with TLS that we may rely on; the words say why."""


class NotReached(Exception):
    """No server answers as one for mail does; the words say what came instead."""


def try_tls(host: str, port: int, ehlo: str, at_once: bool = False, verified: bool = True) -> None:
    """Greet a server and begin TLS, `at_once` (smtps) or by STARTTLS; then leave.

    `verified` asks for a certificate of that name which this machine trusts.
    """
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        with _connected(host, port, ehlo, context if at_once else None) as server:
            if not at_once:
                server.starttls(context=context)
            server.noop()
    except smtplib.SMTPNotSupportedError:
        raise NoTls("it does not offer STARTTLS") from None
    except ssl.SSLCertVerificationError as error:
        raise NoTls(f"its certificate does not hold for {host}: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise NoTls(f"TLS fails ({error.reason or 'no reason given'})") from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotReached(f"{host}:{port} does not answer ({type(error).__name__})") from None


def _connected(host: str, port: int, ehlo: str, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if context is not None:
        return smtplib.SMTP_SSL(host, port, ehlo or None, timeout=_TIMEOUT, context=context)
    return smtplib.SMTP(host, port, ehlo or None, _TIMEOUT)
