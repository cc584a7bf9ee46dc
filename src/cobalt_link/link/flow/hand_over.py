"""What the app asked for with its link token: the way back, with a public token, and for whom the link is."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.tokens import Tokens

MOST_CALLBACKS = 10_000


class HandOver:
    """Keeps the callback addresses that it has read: every page needs one for its headers, and it never changes."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._callbacks: dict[bytes, str | None] = {}

    async def finish(self, session: LinkSession, env: str) -> tuple[str | None, str | None]:
        """The public token, and the callback address that carries it. Each is None where there is none."""
        token = await self._tokens.of_session(session)
        public = await self._tokens.hand_over(session, env, "browser")
        callback = token.callback_url if token else None
        if public is None or callback is None:
            return public, None
        state = {"state": token.state} if token and token.state else {}
        return public, _with_query(callback, {"token": public, "public_token": public, **state})

    async def app_address(self, session: LinkSession) -> str | None:
        """The callback's origin, for users who leave."""
        callback = await self.callback(session)
        parts = urlsplit(callback) if callback else None
        return f"{parts.scheme}://{parts.netloc}/" if parts else None

    async def display_name(self, session: LinkSession) -> str | None:
        """For whom the link is, as the app says."""
        return await self._tokens.display_name(session)

    async def callback(self, session: LinkSession) -> str | None:
        """Where the app wants the browser back, without a token."""
        if session.link_token not in self._callbacks:
            if len(self._callbacks) >= MOST_CALLBACKS:
                self._callbacks.clear()
            token = await self._tokens.of_session(session)
            self._callbacks[session.link_token] = token.callback_url if token else None
        return self._callbacks[session.link_token]


def _with_query(url: str, more: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(more)) if part)
    return urlunsplit(parts._replace(query=query))
