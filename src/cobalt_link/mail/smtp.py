"""Sends one e-mail through the operator's SMTP server, over TLS unless the operator says otherwise.

The operator names the server, so it may be in a private network. All else is as for every outbound connection
(net/addresses.py): it goes to an address that was checked, never to one of a cloud's services, and without TLS only to
a private network.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from typing import Any, Final, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from cobalt_link.net import addresses
from cobalt_link.net.addresses import Target
from cobalt_link.net.errors import AddressRefused
from cobalt_link.net.http import Resolve
from cobalt_link.net.transport import SystemResolver

TIMEOUT: Final = 30.0  # seconds for one e-mail
_PORTS: Final = {"starttls": 587, "implicit": 465, "off": 25}  # RFC 8314 §3.3, RFC 6409 §3.1


class MailError(Exception):
    """The server did not take an e-mail. `code` is for the log. `final`: it will never take it for this address."""

    def __init__(self, code: str, *, final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.final = final


class SmtpServer(msgspec.Struct, frozen=True):
    """The setting `smtp_url`, taken apart."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "off"]
    user: str | None
    password: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """From an address that the settings have accepted."""
        parts = urlsplit(url)
        tls = "implicit" if parts.scheme == "smtps" else "starttls"
        if parse_qs(parts.query).get("tls") == ["off"]:
            tls = "off"
        user = unquote(parts.username) if parts.username else None
        return cls(parts.hostname or "", parts.port or _PORTS[tls], tls, user, unquote(parts.password or ""))

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port})"


class Smtp:
    """`trust` is the certificates that the server may have. `name` is what we call ourselves (RFC 5321 §4.1.1.1)."""

    def __init__(self, server: SmtpServer, trust: ssl.SSLContext, name: str, resolve: Resolve | None = None) -> None:
        self._server = server
        self._trust = trust
        self._name = name
        self._resolve = resolve or SystemResolver()

    async def send(self, message: EmailMessage) -> None:
        """Returns once the server has taken it. Raises MailError."""
        session = _Session(await self._address(), self._server, self._trust, self._name)
        try:
            async with asyncio.timeout(TIMEOUT):
                await asyncio.to_thread(session.deliver, message)
        except TimeoutError:
            raise MailError("timed_out") from None
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            raise MailError(f"recipient_{codes[0]}", final=all(code >= 500 for code in codes)) from None
        except smtplib.SMTPResponseException as answer:
            raise MailError(f"smtp_{answer.smtp_code}") from None
        except ssl.SSLError:
            raise MailError("tls_failed") from None
        except smtplib.SMTPNotSupportedError:
            raise MailError("no_tls_or_login") from None
        except (OSError, smtplib.SMTPException):
            raise MailError("no_connection") from None
        finally:
            session.abort()  # wakes a thread that nobody waits for any more

    async def _address(self) -> str:
        server = self._server
        target = Target("http" if server.tls == "off" else "https", server.host, server.port)
        found = await self._resolve(server.host, server.port)
        if not found:
            raise MailError("name_not_found")
        try:
            return addresses.checked(target, found, allow_private=True)[0]
        except AddressRefused:
            raise MailError("address_refused") from None


class _Session(smtplib.SMTP):
    """One connection, to `address` and by no other name than the server's."""

    def __init__(self, address: str, server: SmtpServer, trust: ssl.SSLContext, name: str) -> None:
        super().__init__(local_hostname=name, timeout=TIMEOUT)
        self._address = address
        self._server = server
        self._trust = trust

    def deliver(self, message: EmailMessage) -> None:
        server = self._server
        self._host = server.host  # what `starttls` checks the certificate for
        try:
            self.connect(server.host, server.port)
            if server.tls == "starttls":
                self.starttls(context=self._trust)  # raises if the server does not offer it
            if server.user:
                self.login(server.user, server.password)
            self.send_message(message)
            with suppress(smtplib.SMTPException, OSError):
                self.quit()
        finally:
            self.close()

    def abort(self) -> None:
        """Ends what another thread waits for."""
        if connection := self.sock:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        connection = socket.create_connection((self._address, port), timeout)
        if self._server.tls == "implicit":
            return self._trust.wrap_socket(connection, server_hostname=host)
        return connection
