"""Link for the app's server: creates link tokens, reports their state, and exchanges public tokens."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import psycopg
import structlog
from msgspec import Meta

from cobalt_link.accounts.api import AccountView, views
from cobalt_link.developers.addresses import same_callback
from cobalt_link.developers.clients import Client
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.session import events
from cobalt_link.link.session.ehr_requests import EhrRequests
from cobalt_link.link.session.events import LinkEvent
from cobalt_link.link.session.exchange import Exchanges
from cobalt_link.link.session.session import LinkSession
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.states import SessionState
from cobalt_link.link.session.tokens import LinkToken, Tokens
from cobalt_link.store.database import DatabaseUnavailable
from cobalt_link.web import Alias, Verbatim
from cobalt_link.web.problems import InvalidRequest, MissingField, Problem

log = structlog.get_logger()

LANGUAGE_TAG = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"  # RFC 5646 §2.1, without its private and irregular tags
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=7)


class CallbackNotRegistered(Problem):
    """This callback_url is not one of this client's registered addresses, character by character. Register it with \
`cobalt clients update CLIENT --callback-url URL`, or send one that is."""

    code = "callback_not_registered"
    status = 400


class InvalidLinkToken(Problem):
    """There is no such link_token for this client. Create one with POST /link/token/create."""

    code = "invalid_link_token"
    status = 404


class InvalidAccessToken(Problem):
    """There is no such access_token for this client. To link an account for the first time, leave access_token out."""

    code = "invalid_access_token"
    status = 400


Id = Annotated[str, Meta(min_length=1, max_length=200)]
Address = Annotated[str, Meta(max_length=2000)]


class CreateLinkToken(msgspec.Struct, frozen=True, kw_only=True):
    """`user_id` and `org_id` are needed, unless `access_token` says which account to repair. No PII in `user_id`."""

    user_id: Annotated[
        Id | None, Verbatim(), Meta(description="Your own id of the user. Needed without access_token.")
    ] = None
    org_id: Annotated[
        Id | None, Verbatim(), Meta(description="Your own id of the clinic. Needed without access_token.")
    ] = None
    emr_name: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Alias("emr"),
        Meta(description="The name of the EHR of a new org. Without it the user picks the EHR."),
    ] = None
    emr_instance_domain: Annotated[
        Address | None, Alias("emr_domain"), Meta(description="The host or the https address of that EHR.")
    ] = None
    access_token: Annotated[str | None, Meta(description="Update mode: the access token of the account to repair.")] = (
        None
    )
    callback_url: Annotated[
        Address | None,
        Alias("redirect_uri"),
        Meta(description="One of your registered addresses. Without it the first."),
    ] = None
    state: Annotated[
        Annotated[str, Meta(max_length=1000)] | None,
        Verbatim(),
        Meta(description="Link sends it to the callback. Check it there."),
    ] = None
    expires_in: Annotated[int | None, Meta(description="Seconds, from 300 to 604800. Without it 30 minutes.")] = None
    locale: Annotated[
        Annotated[str, Meta(max_length=35)] | None, Meta(description="The language of the pages, such as es.")
    ] = None
    display_name: Annotated[
        Annotated[str, Meta(max_length=80)] | None,
        Meta(description="For whom the link is, as your users know themselves: ann@acme. The consent shows it."),
    ] = None
    show_summary: Annotated[
        bool,
        Meta(description="In a window, true ends with a summary and a button. Else the browser returns by itself."),
    ] = False


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a link token. `public_token` is set from when the user has finished until the exchange."""

    state: SessionState
    events: list[LinkEvent]
    expires_at: datetime
    public_token: str | None = None
    account_id: str | None = None


class LinkTokenApi:
    """The app server's side of Link."""

    def __init__(
        self,
        deps: LinkDeps,
        sessions: LinkSessionTable,
        tokens: Tokens,
        exchanges: Exchanges,
        requests: EhrRequests,
    ) -> None:
        self._deps = deps
        self._sessions = sessions
        self._tokens = tokens
        self._exchanges = exchanges
        self.requests = requests
        self._life = timedelta(minutes=deps.settings.link_token_minutes)

    async def create(self, client: Client, wanted: CreateLinkToken) -> tuple[str, datetime]:
        """A link token and when it expires."""
        now, name = self._deps.clock.now(), _display_name(wanted.display_name)
        row = LinkToken(
            hash=b"",
            client=client.id,
            created_at=now,
            expires_at=now + self._lifetime(wanted),
            callback_url=_callback(client, wanted.callback_url),
            state=wanted.state,
            locale=_locale(wanted.locale),
            show_summary=wanted.show_summary,
        )
        row = await (self._repairing if wanted.access_token else self._first)(client, wanted, row)
        token = await self._tokens.create(client.env, row, display_name=name, access_token=wanted.access_token)
        return token, row.expires_at

    async def exchange(self, client: Client, public_token: str, key: str | None) -> tuple[str, AccountView | None]:
        """The access token (see `Exchanges`) and the account that it belongs to.

        The account is None if it was disconnected meanwhile, or cannot be read. Nothing may fail here after the
        exchange: the app would lose its token.
        """
        token = await self._exchanges(client.id, client.env, public_token, key)
        try:
            account = await self._deps.access.resolve(client.id, token)
            found = [account] if account else []
            return token, next(iter(await views(self._deps.accounts, self._deps.connectors, found)), None)
        except (psycopg.Error, DatabaseUnavailable) as error:
            log.warning("exchanged_account_not_shown", error=type(error).__name__)
            return token, None

    async def status(self, client: Client, link_token: str) -> SessionStatus:
        """The state of the session. The app's server can ask for it even if the browser died (S-006)."""
        token = await self._tokens.look_up(link_token, client.id)
        if token is None:
            raise InvalidLinkToken
        session = await self._sessions.of_link_token(token.hash)
        state = self._state(token, session)
        ready = session if state == "granted" else None
        return SessionStatus(
            state=state,
            events=await events.listed(self._deps.db, session) if session else [],
            expires_at=session.expires_at if session else token.expires_at,
            public_token=await self._tokens.hand_over(ready, client.env, "server") if ready else None,
            account_id=session.granted if session else None,
        )

    def _state(self, token: LinkToken, session: LinkSession | None) -> SessionState:
        now = self._deps.clock.now()
        if session is None:
            return "expired" if token.expires_at <= now else "created"
        if session.exchanged_at:
            return "exchanged"
        if session.state in ("granted", "left"):
            return session.state
        return "expired" if session.state == "expired" or session.expires_at <= now else "open"

    def _lifetime(self, wanted: CreateLinkToken) -> timedelta:
        if wanted.expires_in is None:
            return self._life
        if not SHORTEST.total_seconds() <= wanted.expires_in <= LONGEST.total_seconds():
            raise InvalidRequest("expires_in is in seconds, from 300 (5 minutes) to 604800 (7 days).")
        return timedelta(seconds=wanted.expires_in)

    async def _first(self, client: Client, wanted: CreateLinkToken, row: LinkToken) -> LinkToken:
        missing = [name for name in ("user_id", "org_id") if not getattr(wanted, name)]
        if missing or not wanted.user_id or not wanted.org_id:
            raise MissingField(*missing)
        org = await self._deps.orgs.ensure(client, wanted.org_id, wanted.emr_name, wanted.emr_instance_domain)
        return msgspec.structs.replace(row, org=org.id, user_id=wanted.user_id)

    async def _repairing(self, client: Client, wanted: CreateLinkToken, row: LinkToken) -> LinkToken:
        """Update mode: the account determines user and org. Raises InvalidRequest if the request names another one."""
        token = wanted.access_token or ""
        account = await self._deps.access.resolve(client.id, token)
        if account is None:
            raise InvalidAccessToken
        for name, kept in (("user_id", account.user_id), ("org_id", account.org_id)):
            if getattr(wanted, name) not in (None, kept):
                raise InvalidRequest(
                    f"This access_token belongs to another {name}. Send its own {name}, or leave it out."
                )
        return msgspec.structs.replace(row, org=account.org, user_id=account.user_id, account=account.id)


def _display_name(text: str | None) -> str | None:
    name = " ".join((text or "").split())
    if not name.isprintable():
        raise InvalidRequest("display_name must be one line of up to 80 characters that people can see.")
    return name or None


def _locale(tag: str | None) -> str | None:
    if tag is None:
        return None
    # Some platforms write en_US. A language that the pages do not speak is allowed: they fall back to English.
    if not re.fullmatch(LANGUAGE_TAG, written := tag.strip().replace("_", "-")):
        raise InvalidRequest(f"locale {tag!r} is not a language tag. Send one such as es or es-MX (BCP 47).")
    return written


def _callback(client: Client, given: str | None) -> str | None:
    if given is None:
        return client.callback_urls[0] if client.callback_urls else None
    if not any(same_callback(registered, given) for registered in client.callback_urls):
        raise CallbackNotRegistered
    return given
