"""Opens the room of e-mail to the owners of clients."""

from __future__ import annotations

from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.mail.letters import MailSender
from cobalt_link.mail.outbox import Mail
from cobalt_link.mail.smtp import Smtp, SmtpServer
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.turns import one_at_a_time

PRUNING = "pruning of e-mail"


class MailRoom(Room, frozen=True, kw_only=True):
    """`mail` is what other rooms post letters with."""

    mail: Mail


def open(deps: Deps, developers: DevelopersRoom) -> MailRoom:  # noqa: A001 - every room opens by this name
    settings = deps.settings
    # A header is one line (RFC 5322 §2.2), and the operator's name may have more.
    sender = MailSender(settings.mail_from, " ".join(settings.operator.split()), settings.public_url)
    server = SmtpServer.parse(settings.smtp_url) if settings.smtp_url else None
    smtp = Smtp(server, deps.trust, sender.host) if server else None
    mail = Mail(deps.db, deps.clock, developers.clients, smtp, sender)
    if smtp is None:
        return MailRoom(mail=mail)
    return MailRoom(
        chores=(
            Chore("e-mail", 5.0, mail.sweep),
            Chore(PRUNING, 600.0, one_at_a_time(deps.db, PRUNING, mail.prune)),
        ),
        mail=mail,
    )
