"""A link session belongs to the browser that has its secret. Only a keyed hash of the secret is stored."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from secrets import token_urlsafe

from cobalt_link.link.session.session import LinkSession
from cobalt_link.vault import Vault

PURPOSE = "browser"


class Browsers:
    """Makes and recognizes the secrets. A window keeps its secret in a cookie. The script of a frame sends it in a
    header."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def new_secret(self, session_id: str) -> tuple[str, bytes]:
        """A secret for a browser, and the hash to store with the session."""
        secret = token_urlsafe(32)
        return secret, self._vault.fingerprint(PURPOSE, secret, session_id)

    def owns(self, session: LinkSession, cookies: Mapping[str, str]) -> bool:
        """Whether the session belongs to a browser with these cookies."""
        return self.secret_in(session, cookies) is not None

    def secret_in(self, session: LinkSession, cookies: Mapping[str, str]) -> str | None:
        """The session's secret, if this browser has it. A window and a frame keep it under different cookie names."""
        for name in (cookie_name(session.id), cookie_name(session.id, secure=True)):
            secret = cookies.get(name)
            hashes = self._vault.fingerprints(PURPOSE, secret, session.id) if secret else []
            if any(compare_digest(session.browser, each) for each in hashes):
                return secret
        return None

    def form_token(self, session: LinkSession) -> str:
        """A token for every form, because some browsers send neither Sec-Fetch-Site nor Origin."""
        return self._vault.fingerprint("form", session.browser, session.id).hex()[:40]


def cookie_name(session_id: str, *, secure: bool = False) -> str:
    """Each session has its own cookie, so that two tabs with two sessions do not overwrite each other's secret."""
    return f"{'__Host-' if secure else ''}cobalt_{session_id[:16]}"
