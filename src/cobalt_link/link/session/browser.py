"""Each browser that opens a link token gets a secret of its own. The one that gives the first answer owns the session.

Only a keyed hash of the owner's secret is stored. Before that nothing is: each secret proves itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hmac import compare_digest
from secrets import token_urlsafe

import msgspec

from cobalt_link.link.session.session import LinkSession
from cobalt_link.vault import Vault

PURPOSE = "browser"
OPENED = "opened by a browser"
FORM = "form"
TAG, FORM_TOKEN = 32, 40  # characters


class Browsers:
    """Makes and recognizes the secrets. A window keeps its secret in a cookie. The script of a frame sends it in a
    header."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def new_secret(self, session_id: str) -> str:
        """A secret for one more browser. Its end proves that we made it for this session."""
        value = token_urlsafe(32)
        return value + self._vault.fingerprint(OPENED, value, session_id).hex()[:TAG]

    def seen(self, session: LinkSession, cookies: Mapping[str, str]) -> LinkSession | None:
        """The session as the browser with these cookies sees it: `browser` is its hash. None if it may not see it."""
        found = self.secret_in(session, cookies)
        if found is None or session.browser:
            return session if found else None
        return msgspec.structs.replace(session, browser=self._vault.fingerprint(PURPOSE, found, session.id))

    def secret_in(self, session: LinkSession, cookies: Mapping[str, str]) -> str | None:
        """The secret of a browser that may see the session. A window and a frame keep it under different names."""
        return next((each for each in _secrets(session, cookies) if self._is_good(session, each)), None)

    def form_token(self, session: LinkSession) -> str:
        """A token for every form, because some browsers send neither Sec-Fetch-Site nor Origin."""
        return self._vault.fingerprint(FORM, session.browser, session.id).hex()[:FORM_TOKEN]

    def is_form_token(self, session: LinkSession, cookies: Mapping[str, str], token: str) -> bool:
        """Whether a page of this session had this token in its forms, also before the hash key changed."""
        secret = self.secret_in(session, cookies)
        if secret is None:
            return False
        given = token.encode("utf-8", "surrogatepass")
        browsers = [session.browser] if session.browser else self._vault.fingerprints(PURPOSE, secret, session.id)
        made = [hashed for each in browsers for hashed in self._vault.fingerprints(FORM, each, session.id)]
        return _any(given, [each.hex()[:FORM_TOKEN].encode() for each in made])

    def _is_good(self, session: LinkSession, secret: str) -> bool:
        if session.browser:
            return _any(session.browser, self._vault.fingerprints(PURPOSE, secret, session.id))
        value, tag = secret[:-TAG], secret[-TAG:].encode()
        return _any(tag, [each.hex()[:TAG].encode() for each in self._vault.fingerprints(OPENED, value, session.id)])


def seen_by(session: LinkSession, browser: bytes) -> LinkSession | None:
    """The session as a browser that was let in before sees it. None if another has become its owner."""
    return msgspec.structs.replace(session, browser=browser) if session.browser in (b"", browser) else None


def _secrets(session: LinkSession, cookies: Mapping[str, str]) -> Iterator[str]:
    for name in (cookie_name(session.id), cookie_name(session.id, secure=True)):
        if secret := cookies.get(name):
            yield secret


def _any(wanted: bytes, known: list[bytes]) -> bool:
    return any(compare_digest(wanted, each) for each in known)


def cookie_name(session_id: str, *, secure: bool = False) -> str:
    """Each session has its own cookie, so that two tabs with two sessions do not overwrite each other's secret."""
    return f"{'__Host-' if secure else ''}cobalt_{session_id[:16]}"
