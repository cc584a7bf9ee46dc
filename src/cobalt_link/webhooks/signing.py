"""The signatures of a delivery: the contract's `cobalt-verification`, and Standard Webhooks beside it.

Standard Webhooks signs `id.timestamp.body`: `v1` is HMAC-SHA-256 with the bytes of the secret, `v1a` is Ed25519.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

import msgspec

from cobalt_link.vault.signing import SEED_SIZE, SigningKey

JWT: Final = "cobalt-verification-jwt"
SECRET_BYTES: Final = 32  # the specification allows 24 to 64


class WebhookSecret(msgspec.Struct, frozen=True):
    """`text` is what the receiver keeps (`whsec_…`). `seed` is the private key of Ed25519."""

    text: str
    seed: bytes

    @classmethod
    def new(cls) -> WebhookSecret:
        return cls(f"whsec_{b64encode(os.urandom(SECRET_BYTES)).decode()}", os.urandom(SEED_SIZE))

    @property
    def public_key(self) -> str:
        """For `v1a`: `whpk_` and 32 bytes in base64."""
        return f"whpk_{b64encode(SigningKey(self.seed).public).decode()}"

    def signatures(self, signed: bytes) -> str:
        """Both signatures of Standard Webhooks, separated by a space."""
        key = b64decode(self.text.removeprefix("whsec_"))
        v1, v1a = hmac.digest(key, signed, "sha256"), SigningKey(self.seed).signature(signed)
        return f"v1,{b64encode(v1).decode()} v1a,{b64encode(v1a).decode()}"

    def verification(self, body: bytes) -> str:
        """The contract's `cobalt-verification`. Its key is the text of the secret, with the prefix."""
        return hmac.digest(self.text.encode(), body, "sha256").hex()

    # A log or a traceback that shows a secret must not show what is in it.
    def __repr__(self) -> str:
        return "WebhookSecret()"


def headers(secrets: Sequence[WebhookSecret], event: str, timestamp: str, number: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt. The first secret is the current one.

    `cobalt-verification` has room for one signature, so only the current secret makes it.
    """
    signed = f"{event}.{timestamp}.".encode() + body
    return {
        "content-type": "application/json",
        "cobalt-verification": secrets[0].verification(body),
        "webhook-id": event,
        "webhook-timestamp": timestamp,
        "webhook-attempt": str(number),
        "webhook-signature": " ".join(each.signatures(signed) for each in secrets),
    }
