"""What the app asked for with its link token: the way back, with a public token, and for whom the link is."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec

from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.tokens import Tokens

MOST_WAYS_BACK = 10_000


class WayBack(msgspec.Struct, frozen=True):
    """`callback` is the address in the app, without a token. `show_summary`: the user presses a button to go there."""

    callback: str | None = None
    show_summary: bool = False

    @property
    def is_web(self) -> bool:
        """A phone may block a redirect to an app's own scheme, unless the user taps for it."""
        return bool(self.callback) and urlsplit(self.callback or "").scheme in ("http", "https")


class HandOver:
    """Keeps the ways back that it has read: every page needs one for its headers, and it never changes."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._ways_back: dict[bytes, WayBack] = {}

    async def finish(self, session: LinkSession, env: str, *, first: bool = False) -> tuple[str | None, str | None]:
        """The public token, and the callback address that carries it. Each is None where there is none. `first`: there
        is none either if a browser was sent to the app before."""
        token = await self._tokens.of_session(session)
        public = await self._tokens.hand_over(session, env, "browser", first=first)
        callback = token.callback_url if token else None
        if public is None or callback is None:
            return public, None
        state = {"state": token.state} if token and token.state else {}
        return public, _with_query(callback, {"token": public, "public_token": public, **state})

    async def returns_by_itself(self, session: LinkSession) -> bool:
        """Whether the browser goes to the app without another press. It does so once: a reload would make a token that
        nobody waits for."""
        is_over = session.granted is None or session.exchanged_at is not None or session.returned_at is not None
        way = WayBack() if is_over else await self._way_back(session)
        return way.is_web and not way.show_summary

    async def app_address(self, session: LinkSession) -> str | None:
        """The callback's origin, for users who leave."""
        way = await self._way_back(session)
        parts = urlsplit(way.callback or "")
        return f"{parts.scheme}://{parts.netloc}/" if way.is_web else None

    async def display_name(self, session: LinkSession) -> str | None:
        """For whom the link is, as the app says."""
        return await self._tokens.display_name(session)

    async def callback(self, session: LinkSession) -> str | None:
        """Where the app wants the browser back, without a token."""
        return (await self._way_back(session)).callback

    async def _way_back(self, session: LinkSession) -> WayBack:
        if session.link_token not in self._ways_back:
            if len(self._ways_back) >= MOST_WAYS_BACK:
                self._ways_back.clear()
            token = await self._tokens.of_session(session)
            way = WayBack(token.callback_url, token.show_summary) if token else WayBack()
            self._ways_back[session.link_token] = way
        return self._ways_back[session.link_token]


def _with_query(url: str, more: Mapping[str, str]) -> str:
    # A registered address has no fragment. It is not taken apart: `urlunsplit` would write `myapp://` as `myapp:`.
    separator = "?" if "?" not in url else "" if url[-1] in "?&" else "&"
    return f"{url}{separator}{urlencode(more)}"
