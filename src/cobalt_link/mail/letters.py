"""The texts of e-mails. They hold names, ids, and times: nothing of a chart, and no secret."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, Final, Literal

import msgspec

from cobalt_link.developers.clients import Client

Kind = Literal["webhook_disabled", "leaked"]

WHY_DISABLED: Final = {
    "failing": "every delivery to it has failed since {failing_since}",
    "gone": "it answered 410 Gone",
}

# The subject, and the text.
LETTERS: Final[dict[str, tuple[str, str]]] = {
    "webhook_disabled": (
        "Webhook {webhook_id} of {client} is disabled",
        """\
The webhook {webhook_id} of your app {client} is disabled, because {why}.
It gets nothing more. Events are still recorded.

To go on:

1. Repair the receiver. GET /v1/webhook shows its URL.
2. Register the same URL again with POST /v1/webhook. This enables it.
3. Get what it has missed, in order: POST /v1/webhook-events/replay with
   {{"webhook_id": "{webhook_id}", "start": "{start}", "undelivered_only": true}}
""",
    ),
    "leaked": (
        "Leaked credentials of {client} were ended",
        """\
A secret scanner has found credentials of your app {client} in public. They work no more:

{what}

They were found here:

{places}

To go on:

1. Remove them from there. Look for other secrets in the same place.
2. For an access token, POST /v1/accounts/ACCOUNT_ID/rotate-token gives the account a new one.
3. For a client_secret, ask the operator of the server for a new one.
""",
    ),
}


class MailSender(msgspec.Struct, frozen=True):
    """Who writes: the address of the settings, the operator's name, and our public address."""

    address: str
    name: str
    server: str

    @property
    def host(self) -> str:
        return self.address.rpartition("@")[2]


def written(id: str, kind: str, data: dict[str, Any], sender: MailSender, client: Client) -> EmailMessage:  # noqa: A002
    """The e-mail. Its Message-ID is the same at each try, so that a copy can be told."""
    said = {name: _shown(value) for name, value in data.items()} | {"client": client.name}
    if kind == "webhook_disabled":
        said |= {"why": WHY_DISABLED[data["reason"]].format(**said), "start": data["failing_since"]}
    subject, text = LETTERS[kind]
    message = EmailMessage()
    message["Subject"] = subject.format(**said)
    message["From"] = Address(sender.name or "Cobalt Link", addr_spec=sender.address)
    message["To"] = Address(addr_spec=client.contact_email or "")
    message["Message-ID"] = f"<{id}@{sender.host}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answer is wanted
    signed = f"{text.format(**said)}\n-- \nCobalt Link at {sender.server}\n"
    message.set_content(signed, cte="quoted-printable")
    return message


def _shown(value: Any) -> str:
    """Times as people read them, and lists as lines."""
    if isinstance(value, list):
        return "\n".join(f"  {each}" for each in value)
    try:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
    except (TypeError, ValueError):
        return str(value)
