"""A real SMTP server (RFC 5321) that takes e-mail, asks for TLS and a login if told so, and refuses on demand."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

LOGIN = base64.b64encode(b"\0link\0s3cret word").decode()
URL_LOGIN = "link:s3cret%20word"


class MailServer(socketserver.ThreadingTCPServer):
    """`tls` is the certificate that it offers by STARTTLS, or shows from the start if it is `implicit`. `answers` are
    what it says to a verb instead of yes. `heard` is every line but the e-mails, with whether TLS carried it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.tls = tls
        self.implicit = implicit
        self.answers: dict[str, str] = {}
        self.heard: list[tuple[bool, str]] = []
        self.raw: list[bytes] = []

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def mails(self) -> list[EmailMessage]:
        lines = [each.replace(b"\r\n", b"\n") for each in self.raw]
        return [message_from_bytes(each, EmailMessage, policy=policy.default) for each in lines]

    def verbs(self, *, tls: bool) -> list[str]:
        return [line.split(" ")[0].upper() for over, line in self.heard if over is tls]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is no news."""


class _Session(socketserver.StreamRequestHandler):
    timeout = 20
    over_tls = False

    @property
    def _of(self) -> MailServer:
        return cast(MailServer, self.server)

    def handle(self) -> None:
        with suppress(OSError):
            if self._of.implicit:
                self._secure()
            self._say("220 mail.example.com")
            while line := self.rfile.readline().decode().strip():
                self._of.heard.append((self.over_tls, line))
                if self._obey(line.split(" ")[0].upper(), line):
                    return

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # over TLS it is not the one that the server closes

    def _obey(self, verb: str, line: str) -> bool:
        """True at the end."""
        offered = ["STARTTLS"] if self._of.tls and not self.over_tls else ["AUTH PLAIN"]
        if verb in self._of.answers:
            self._say(self._of.answers[verb])
        elif verb == "EHLO":
            self._say("\r\n".join(["250-mail.example.com", *(f"250-{each}" for each in offered), "250 8BITMIME"]))
        elif verb == "STARTTLS":
            self._say("220 go ahead")
            self._secure()
        elif verb == "AUTH":
            self._say("235 welcome" if line.endswith(LOGIN) else "535 no")
        elif verb == "DATA":
            self._say("354 go ahead")
            self._take()
        else:
            self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb == "QUIT"

    def _take(self) -> None:
        lines = list[bytes]()
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self._of.raw.append(b"".join(lines))
        self._say(self._of.answers.get("TAKEN", "250 taken"))

    def _secure(self) -> None:
        assert self._of.tls is not None
        self.connection = self._of.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.over_tls = True

    def _say(self, text: str) -> None:
        self.connection.sendall(f"{text}\r\n".encode())


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> Iterator[MailServer]:
    with MailServer(tls, implicit=implicit) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
