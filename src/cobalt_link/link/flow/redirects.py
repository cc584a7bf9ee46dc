"""Sends a browser to the EHR's own sign-in page, and takes what it brings back as the answer to the open pane."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from cobalt_link.connector.panes import Redirect, RedirectAnswer
from cobalt_link.kit.clock import Clock
from cobalt_link.link.flow.answers import SessionAnswers
from cobalt_link.link.flow.progress import SessionProgress
from cobalt_link.link.session.browser import seen_by
from cobalt_link.link.session.launches import LinkLaunches
from cobalt_link.link.session.redirects import Arrival, Departure, LinkRedirects
from cobalt_link.link.session.session import LinkSession


class Trip(msgspec.Struct, frozen=True):
    """`url` is the authorization request with its `state`, and with its `launch` if the EHR has launched the app."""

    url: str
    departure: Departure


class EhrRedirects:
    """A `state` is made when a browser goes, not before: it is at rest nowhere, and works in that browser alone."""

    def __init__(
        self,
        trips: LinkRedirects,
        launches: LinkLaunches,
        answers: SessionAnswers,
        progress: SessionProgress,
        clock: Clock,
    ) -> None:
        self._trips = trips
        self._launches = launches
        self._answers = answers
        self._progress = progress
        self._clock = clock

    async def go(self, session: LinkSession, *, framed: bool) -> Trip | None:
        """Where the browser goes from the open pane. `framed`: in a window beside the page. None if another pane is
        open."""
        pane = session.pane
        if not isinstance(pane, Redirect):
            return None
        departure = await self._trips.begin(session, pane.registration, self._clock.now(), framed=framed)
        query = {"state": departure.state}
        if session.purpose == "ehr_launch" and (launch := await self._launches.value(session)):
            query["launch"] = launch
        separator = "&" if "?" in pane.url else "?"
        return Trip(f"{pane.url}{separator}{urlencode(query)}", departure)

    async def come_back(
        self, registration: str, state: str, answer: RedirectAnswer, cookies: Mapping[str, str]
    ) -> Arrival | None:
        """Answers the pane that the browser left from. None if this browser did not go there, or did so before: then
        nothing was sent to anybody (S-019, S-024)."""
        arrival = await self._trips.take(registration, state, cookies, self._clock.now())
        found = await self._progress.find(arrival.link_session) if arrival else None
        session = seen_by(found, arrival.owner) if arrival and found else None
        if arrival is None or session is None:
            return None
        # The pane may be answered already, or the session be over. The page that follows says so.
        await self._answers.answer(session, arrival.pane_n, answer)
        return arrival

    async def is_away(self, session: LinkSession) -> bool:
        """Whether the user is at the EHR in a window beside this page."""
        return isinstance(session.pane, Redirect) and await self._trips.has_window(session)
