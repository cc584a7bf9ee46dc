"""One e-mail reaches a real server, and nothing of it leaves without TLS unless the operator said so."""

from __future__ import annotations

import asyncio
import socket
import threading
from email.message import EmailMessage
from pathlib import Path

import pytest

from cobalt_link.mail import smtp
from cobalt_link.mail.smtp import MailError, Smtp, SmtpServer
from tests.mail.server import URL_LOGIN, MailServer, mail_server
from tests.net.test_http_tls import NOW, Authority


def letter() -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Grüße", "link@example.com", "ops@app.example.com"
    message.set_content("First line\n.\n.. second line\n", cte="quoted-printable")
    return message


def sender(url: str, authority: Authority, address: str = "127.0.0.1") -> Smtp:
    async def resolve(host: str, port: int) -> list[str]:
        return [address] if address else []

    return Smtp(SmtpServer.parse(url), authority.trusted(), "example.com", resolve)


async def refusal(url: str, authority: Authority, address: str = "127.0.0.1") -> tuple[str, bool]:
    with pytest.raises(MailError) as found:
        await sender(url, authority, address).send(letter())
    return found.value.code, found.value.final


def taken(server: MailServer) -> bool:
    (message,) = server.mails
    return message["Subject"] == "Grüße" and message.get_content() == "First line\n.\n.. second line\n"


async def test_an_e_mail_and_the_password_go_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with mail_server(authority.serves("mail.example.com")) as server:
        await sender(f"smtp://{URL_LOGIN}@mail.example.com:{server.port}", authority).send(letter())
    assert taken(server) and server.verbs(tls=False) == ["EHLO", "STARTTLS"]
    assert server.verbs(tls=True) == ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    assert (True, "ehlo example.com") in server.heard
    with mail_server(authority.serves("mail.example.com"), implicit=True) as server:
        await sender(f"smtps://{URL_LOGIN}@mail.example.com:{server.port}", authority).send(letter())
    assert taken(server) and server.verbs(tls=False) == []


async def test_a_server_without_trustworthy_tls_gets_neither_the_e_mail_nor_the_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    faults = {
        "no_tls_or_login": None,
        "tls_failed": [
            authority.serves("other.example.com"),
            authority.serves("mail.example.com", until=NOW),
            Authority(tmp_path, "Another authority").serves("mail.example.com"),
        ],
    }
    for code, contexts in faults.items():
        for tls in contexts or [None]:
            with mail_server(tls) as server:
                url = f"smtp://{URL_LOGIN}@mail.example.com:{server.port}"
                assert await refusal(url, authority) == (code, False)
            assert set(server.verbs(tls=False)) <= {"EHLO", "STARTTLS"} and server.verbs(tls=True) == []


async def test_an_address_is_checked_as_for_every_other_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with mail_server() as server:
        off = f"smtp://mail.example.com:{server.port}?tls=off"
        await sender(off, authority).send(letter())  # a private address, as the operator named it
        assert taken(server)
        for url, address in [
            (off, "93.184.215.14"),  # unencrypted through the internet
            ("smtp://mail.example.com", "169.254.169.254"),
            ("smtp://mail.example.com", "::ffff:127.0.0.1"),
        ]:
            assert await refusal(url, authority, address) == ("address_refused", False)
        assert await refusal(off, authority, "") == ("name_not_found", False)


async def test_only_an_address_that_is_refused_for_good_is_final(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with mail_server() as server:
        url = f"smtp://{URL_LOGIN}@127.0.0.1:{server.port}?tls=off"
        for verb, answer, found in [
            ("RCPT", "550 no such mailbox", ("recipient_550", True)),
            ("RCPT", "451 later", ("recipient_451", False)),
            ("MAIL", "550 not you", ("smtp_550", False)),
            ("AUTH", "535 no", ("smtp_535", False)),
            ("TAKEN", "554 spam", ("smtp_554", False)),
            ("EHLO", "421 busy", ("smtp_421", False)),
        ]:
            server.answers = {verb: answer, "HELO": answer}
            assert await refusal(url, authority) == found, verb
    assert await refusal(url, authority) == ("no_connection", False)


async def test_a_server_that_says_nothing_is_left_and_holds_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sending = sender(f"smtp://127.0.0.1:{silent.getsockname()[1]}", Authority(tmp_path))
        sending_ended = threading.Event()
        original = smtp._Session.deliver

        def deliver(session: smtp._Session, message: EmailMessage) -> None:
            session.timeout = 60
            try:
                original(session, message)
            finally:
                sending_ended.set()

        monkeypatch.setattr(smtp._Session, "deliver", deliver)
        with pytest.raises(MailError, match="timed_out"):
            await sending.send(letter())
        assert await asyncio.to_thread(sending_ended.wait, 5)
