"""Every page that Link can show, by name: the tests check them, and `python -m tests.link.pages.look` takes their
pictures."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, get_args

import msgspec

from cobalt_link.connector.panes import (
    Code,
    Consent,
    Credentials,
    Message,
    Pane,
    PaneRefusal,
    Picker,
    Redirect,
    Waiting,
)
from cobalt_link.connector.refusals import catalogue
from cobalt_link.connector.topics import TOPICS
from cobalt_link.connector.writes import WriteCapability
from cobalt_link.link.flow import already
from cobalt_link.link.pages import connection_list, home, render, texts
from cobalt_link.link.pages.closed import CLOSED
from cobalt_link.link.pages.context import Framed, NotOffered, PageContext, Search, ShownStep, TestMode
from tests.link.pages.linked_apps import CONNECTIONS, NOW, RECENT
from tests.link.pages.samples import (
    BRAKED,
    CLINICS,
    CONNECTOR_TEXTS,
    DATABASES,
    DETAILS,
    HELD,
    MATCHES,
    ROOMS,
    START,
    TEST_MODE,
    VENDORS,
    WAYS,
)

# One page of each kind. The others differ from these only by their texts.
KINDS = (
    "picker", "picker-known", "picker-many", "picker-none", "picker-gone", "picker-manual", "picker-unknown",
    "consent", "credentials", "credentials-wrong", "credentials-empty", "credentials-closing",
    "reconnect",
    "code", "code-wrong", "code-ended", "code-resent", "code-plain", "choice-way", "choice-clinic", "push",
    "push-denied", "message-locked", "message-password_expired", "message-ehr_down", "working", "done", "after-test",
    "leaving", "left", "closed-link_used", "closed-no_cookies", "connections", "connections-none", "disconnect",
    "already", "working-slow", "reconnect-reaches", "message-unsupported-ask", "message-unsupported-asked",
)  # fmt: skip


def context(**changed: object) -> PageContext:
    """A page context in which everything is known. `changed` replaces fields."""
    locale = str(changed.get("locale", "en"))
    plain = PageContext(
        locale=locale,
        app_name="Acme Scribe",
        app_mark="AS",
        operator="Acme Health",
        privacy_url="https://acme.example/privacy",
        help_url="https://acme.example/help",
        path="/link/6f1c",
        csrf="csrf-token",
        n=3,
        ehr_name="Larkspur",
        ehr_mark="RF",
        practice="Riverside Family Practice",
        host="riverside.larkspur.example",
        connector_texts=CONNECTOR_TEXTS.get(locale, CONNECTOR_TEXTS["en"]),
        topics=TOPICS,
        writes=get_args(WriteCapability),
        keeps_password=True,
        started=NOW - timedelta(minutes=2),
        expires_at=NOW + timedelta(minutes=28),
        now=NOW,
        reference="7F3K-92QX",
        connections="link.acme.example/connections",
    )
    return msgspec.structs.replace(plain, **changed)


def unchosen(**changed: object) -> PageContext:
    """A page context before an EHR is chosen."""
    return context(ehr_name=None, ehr_mark=None, practice=None, host=None, **changed)


def soon(**after: float) -> datetime:
    """A moment after the `now` of the page context."""
    return NOW + timedelta(**after)


def gallery(locale: str = "en") -> dict[str, str]:
    """Every page in one locale."""
    # Drawing takes half a second, so pages are drawn again only where a test has replaced what draws them.
    drawn_by: Any = (render, connection_list, home, context, texts.catalog)
    return {**_drawn(locale, drawn_by)}


@lru_cache(maxsize=4)
def _drawn(locale: str, _by: object) -> dict[str, str]:
    here, nowhere = context(locale=locale), unchosen(locale=locale)
    plain = context(
        locale=locale,
        practice=None,
        keeps_password=False,
        can_change=False,
        privacy_url=None,
        topics=("providers",),
        writes=(),
    )
    told = context(locale=locale, practice=None, claimed_practice="Mayo Clinic", addressee="ann@acme.example")
    lacks = context(
        locale=locale,
        topics=("people",),
        writes=("tasks.create",),
        not_offered=NotOffered(("visits", "openings"), ("notes.create",)),
    )
    mending = context(locale=locale, repairing=True, since=date(2026, 3, 3))
    shown = (
        pickers(nowhere)
        | {
            f"consent{name}": render.pane(at, Consent())
            for name, at in (("", here), ("-plain", plain), ("-claims", told), ("-lacks", lacks))
        }
        | credentials(here, plain, mending, told)
        | codes(here)
        | choices(here)
        | waits(here)
        | redirects(here)
        | messages(here)
        | problems(here)
        | ends(here)
        | closed(here)
        | connections_pages(here)
        | homes(locale)
    )
    return shown


def pickers(at: PageContext) -> dict[str, str]:
    few = Search("river", MATCHES, 5, VENDORS)
    many = Search("river", MATCHES, 23, VENDORS)
    one = Search("bend", MATCHES[-1:], 1, VENDORS)
    worked = {"worked_at": NOW - timedelta(hours=3)}
    healthy, broken = (msgspec.structs.replace(MATCHES[place], **worked, fails=place == 1) for place in (0, 1))
    listed = Search("river", (healthy, broken, *MATCHES[2:]), 64, VENDORS, by_directory=True)
    by_hand = Picker(manual=True, ehr="larkspur", address="https://riverside.larkspur.example")
    reasons = {
        f"picker-address-{reason}": render.pane(
            at,
            msgspec.structs.replace(by_hand, problem=PaneRefusal("not_this_address", {"reason": reason})),
            search=START,
        )
        for reason in ("not_found", "other_ehr", "not_https", "not_allowed", "")
    }
    return reasons | {
        "picker": render.pane(at, Picker(), search=START),
        "picker-known": render.pane(at, Picker(), search=Search("", MATCHES[:2], 2, VENDORS)),
        "picker-unknown": render.pane(
            at, Picker(), search=START, errors={"ehr": "picker.ehr_unknown", "url": "picker.url_not_found"}
        ),
        "picker-gone": render.pane(at, Picker(), search=START, errors={"pick": "page.choose"}),
        "picker-bare": render.pane(at, Picker()),
        "picker-results": render.pane(at, Picker(), search=few),
        "picker-many": render.pane(at, Picker(), search=many),
        "picker-listed": render.pane(at, Picker(), search=listed),
        "picker-one": render.pane(at, Picker(), search=one),
        "picker-none": render.pane(at, Picker(), search=Search("Rivrsyde fam", (), 0, VENDORS)),
        "picker-manual": render.pane(at, by_hand, search=START),
        "picker-manual-empty": render.pane(
            at, Picker(), search=START, errors={"ehr": "picker.ehr_empty", "url": "picker.url_empty"}, typed={"url": ""}
        ),
    }


def credentials(here: PageContext, plain: PageContext, mending: PageContext, told: PageContext) -> dict[str, str]:
    fixed = Credentials(username="m.carter", fixed=True)
    wrong = PaneRefusal("wrong_credentials", DETAILS["wrong_credentials"])
    empty = {"username": "credentials.username_empty", "password": "credentials.password_empty"}
    return {
        "credentials": render.pane(here, Credentials()),
        "credentials-failing": render.pane(msgspec.structs.replace(here, fails=True), Credentials()),
        "credentials-claims": render.pane(told, Credentials()),
        "credentials-plain": render.pane(plain, Credentials()),
        "credentials-test": render.pane(msgspec.structs.replace(here, tls=False, test_mode=TEST_MODE), Credentials()),
        "credentials-test-bare": render.pane(msgspec.structs.replace(here, test_mode=TestMode()), Credentials()),
        "credentials-same": render.pane(context(locale=here.locale, operator="Acme Scribe"), Credentials()),
        "credentials-same-plain": render.pane(
            context(locale=here.locale, operator="Acme Scribe", keeps_password=False), Credentials()
        ),
        "credentials-wrong": render.pane(here, Credentials(username="m.carter", problem=wrong)),
        "credentials-wrong-unknown": render.pane(here, Credentials(problem=PaneRefusal("wrong_credentials"))),
        "credentials-empty": render.pane(here, Credentials(), errors=empty, typed={"username": ""}),
        "credentials-stale": render.pane(here, Credentials(), stale=True),
        "credentials-closing": render.pane(msgspec.structs.replace(here, expires_at=soon(seconds=100)), Credentials()),
        "credentials-stayed": render.pane(msgspec.structs.replace(here, can_stay=False), Credentials(), stayed=True),
        "credentials-closing-again": render.pane(
            msgspec.structs.replace(here, can_stay=False, expires_at=soon(seconds=100)), Credentials()
        ),
        "reconnect": render.pane(mending, fixed),
        "reconnect-claims": render.pane(msgspec.structs.replace(mending, addressee="ann@acme.example"), fixed),
        "reconnect-reaches": render.pane(mending, Consent(name="reconnect")),
        "reconnect-unknown": render.pane(msgspec.structs.replace(mending, since=None), fixed),
        "reconnect-last-year": render.pane(msgspec.structs.replace(mending, since=date(2025, 12, 31)), fixed),
    }


def codes(here: PageContext) -> dict[str, str]:
    later = soon(seconds=28)
    text = Code(
        way="text", sent_to="34", length=6, expires_at=soon(minutes=4), resend=True, resend_at=later, other_way=True
    )
    again = msgspec.structs.replace
    sent = {
        "code": text,
        "code-resent": again(text, resent=True),
        "code-wrong": again(text, problem=PaneRefusal("wrong_code", {"tries_left": 2})),
        "code-wrong-unknown": again(text, problem=PaneRefusal("wrong_code")),
        "code-ended": again(text, problem=PaneRefusal("code_expired")),
        "code-resend": again(text, resend_at=soon(seconds=-1), other_way=False),
        "code-short": again(text, length=4, resend=False, expires_at=soon(seconds=1)),
        "code-minute": again(text, length=5, expires_at=soon(minutes=1)),
        "code-hour": again(text, length=7, expires_at=soon(hours=1)),
        "code-plain": Code(),
    }
    for way in ("text", "email", "app", None):
        for to in ("m•••••@riverside.example", None):
            pane = Code(way=way, sent_to=to, length=8, expires_at=soon(hours=3))
            sent |= {f"code-{way}-{bool(to)}": pane, f"code-{way}-{bool(to)}-resent": again(pane, resent=True)}
    shown = {name: render.pane(here, pane) for name, pane in sent.items()}
    shown["code-empty"] = render.pane(here, text, errors={"code": "code.empty"})
    shown["code-length"] = render.pane(here, text, errors={"code": "code.wrong_length"})
    return shown


def choices(here: PageContext) -> dict[str, str]:
    bare = msgspec.structs.replace(here, connector_texts={})
    return {
        "choice-way": render.pane(here, WAYS),
        "choice-clinic": render.pane(here, CLINICS),
        "choice-clinic-bare": render.pane(bare, CLINICS),
        "choice-database": render.pane(here, DATABASES, stale=True),
        "message-bare": render.pane(here, Message(code="unsupported", details={"what": "second factor"})),
        "choice-any": render.pane(here, ROOMS, errors={"pick": "page.choose"}),
    }


def waits(here: PageContext) -> dict[str, str]:
    full = Waiting(number="47", sent_to="34", expires_at=soon(seconds=98), resend=True, other_way=True)
    denied = msgspec.structs.replace(full, problem=PaneRefusal("push_denied"))
    return {
        "push": render.pane(here, full),
        "push-denied": render.pane(here, denied),
        "push-number": render.pane(here, Waiting(number="47", expires_at=soon(seconds=42))),
        "push-phone": render.pane(here, Waiting(sent_to="34", resend=True)),
        "push-plain": render.pane(here, Waiting(problem=PaneRefusal("push_expired"))),
    }


def redirects(here: PageContext) -> dict[str, str]:
    framed = msgspec.structs.replace(here, in_frame=True)
    pane = Redirect(url="https://login.larkspur.example/oauth2/authorize?client_id=1", registration="larkspur")
    return {
        "redirect": render.pane(here, pane),
        "redirect-framed": render.pane(framed, pane, stale=True),
        "redirect-away": render.pane(framed, pane, window="away"),
        "redirect-blocked": render.pane(framed, pane, window="blocked"),
        "redirect-repair": render.pane(msgspec.structs.replace(here, repairing=True), pane),
        "going": render.going(here, pane.url),
    }


def messages(here: PageContext) -> dict[str, str]:
    shown = {}
    known = msgspec.structs.replace(here, last_worked=NOW - timedelta(minutes=12))
    for code in (*catalogue(), "disconnected"):
        shown[f"message-{code}"] = render.pane(known, Message(code=code, details=DETAILS.get(code, {})))
        shown[f"message-{code}-plain"] = render.pane(here, Message(code=code, again=False))
    for reason, code in HELD.items():
        stopped = Message(code=code, details=DETAILS[code] | {"reason": reason}, again=reason != "usernames")
        shown[f"message-{code}-{reason}"] = render.pane(here, stopped)
    for reason, details in BRAKED.items():
        warned = PaneRefusal("wrong_credentials", details | {"reason": reason})
        shown[f"credentials-{reason}"] = render.pane(here, Credentials(username="m.carter", problem=warned))
    asking = msgspec.structs.replace(here, can_ask=True)
    whole, part = (
        Message(code="unsupported", details={"what": "Cedar Works"}),
        Message(code="unsupported", details={"what": "version"}),
    )
    shown["message-unsupported-ask"] = render.pane(asking, whole)
    shown["message-unsupported-ask-part"] = render.pane(asking, part)
    shown["message-unsupported-ask-unknown"] = render.pane(
        unchosen(locale=here.locale, can_ask=True), Message(code="unsupported")
    )
    for choice in ("database", "code_way", "facility"):
        pane = Message(code="none_of_these", details={"choice": choice})
        shown[f"message-none_of_these-{choice}"] = render.pane(here, pane)
    shown["message-locked-days"] = render.pane(here, Message(code="locked", details={"minutes": 3 * 24 * 60}))
    late = msgspec.structs.replace(here, refused_at=NOW - timedelta(hours=1), goes_back=False)
    for code in ("locked", "ehr_busy", "too_many_codes", "too_many_tries"):
        shown[f"message-{code}-over"] = render.pane(late, Message(code=code, details=DETAILS[code]))
    shown["message-unsupported-asked"] = render.pane(msgspec.structs.replace(asking, has_asked=True), whole)
    return shown


def problems(here: PageContext) -> dict[str, str]:
    """Every refusal as the reason why a pane is asked again."""
    asked: tuple[Pane, ...] = (Picker(), Consent(), Credentials(), Code(length=6), CLINICS, Waiting())
    return {
        f"problem-{code}-{type(pane).__name__.lower()}": render.pane(
            here, msgspec.structs.replace(pane, problem=PaneRefusal(code, DETAILS.get(code, {}))), search=START
        )
        for code in catalogue()
        for pane in asked
    }


STEPS = (ShownStep("check_address", "was"), ShownStep("log_in", "was"), ShownStep("open_schedule", "now"))
OTHER_STEPS = (
    ShownStep("send_code", "was"),
    ShownStep("check_code", "was"),
    ShownStep("save", "was"),
    ShownStep("own", "now"),
)


def worked(at: PageContext, steps: tuple[ShownStep, ...], next_url: str = "/link/6f1c", *, slow: bool = False) -> str:
    """The working page after `steps`."""
    head, step, tail = render.working(at, slow=slow)
    return head + "".join(map(step, steps)) + tail(next_url)


def ends(here: PageContext) -> dict[str, str]:
    again = msgspec.structs.replace(here, since=date(2026, 3, 3), last_used=NOW - timedelta(hours=2))
    unknown = msgspec.structs.replace(here, practice=None)
    return {
        "already": render.pane(again, already.pane_of("a1")),
        "already-unused": render.pane(unknown, already.pane_of("a1")),
        "working": worked(here, STEPS),
        "working-slow": worked(here, STEPS, slow=True),
        "working-other": worked(here, OTHER_STEPS),
        "done": render.done(here, "m.carter, Riverside Main Street"),
        "done-returning": render.done(msgspec.structs.replace(here, returns=True), "m.carter"),
        "done-test": render.done(msgspec.structs.replace(here, goes_back=False, test_mode=TEST_MODE), "m.carter"),
        "returning": render.returning(here, "https://[2001:db8::7]/linked?token=pt_test_4kq9"),
        "after": render.after(here, public_token=None, client_id="ci_live_4kq9"),
        "after-test": render.after(here, public_token="pt_test_" + "k" * 49, client_id="ci_test_4kq9"),
        "leaving": render.leaving(here),
        "left": render.left(here, "https://acme.example/return?status=exit"),
        "left-nowhere": render.left(here, None),
        "left-declined": render.left(here, "https://acme.example/", declined=True),
        "left-declined-nowhere": render.left(here, None, declined=True),
    }


def homes(locale: str) -> dict[str, str]:
    said = {"locale": locale, "privacy_url": "https://acme.example/privacy", "help_url": "https://acme.example/help"}
    return {
        "home": home.home_page(operator="Acme Health", works=True, **said),
        "home-broken": home.home_page(operator="Acme Health", works=False, **said),
    }


def connections_pages(here: PageContext) -> dict[str, str]:
    """The pages of the connections flow, and the other pages as they look in it."""
    at = connections_context(here.locale)
    unchosen = msgspec.structs.replace(at, ehr_name=None, ehr_mark=None, host=None)
    user = "m.carter, Riverside Main Street"
    return {
        "connections": connection_list.list_page(at, CONNECTIONS, user),
        "connections-recent": connection_list.list_page(at, RECENT, user),
        "connections-ended": connection_list.list_page(at, CONNECTIONS[:1], user, ended=True),
        "connections-none": connection_list.list_page(at, (), user),
        "connections-none-ended": connection_list.list_page(at, (), user, ended=True),
        "disconnect": connection_list.disconnect_page(at, CONNECTIONS[0], user),
        "disconnect-unused": connection_list.disconnect_page(at, CONNECTIONS[2], user),
        "connections-picker": render.pane(unchosen, Picker(), search=Search("", (), 0, VENDORS, by_name=False)),
        "connections-picker-none": render.pane(
            unchosen,
            Picker(),
            search=Search("", (), 0, VENDORS, by_name=False),
            errors={"pick": "connections.none_there"},
        ),
        "connections-picker-manual": render.pane(
            unchosen, Picker(manual=True, ehr="larkspur"), search=START, errors={"url": "connections.none_there"}
        ),
        "connections-credentials": render.pane(at, Credentials()),
        "working-connections": worked(at, STEPS),
        "leaving-connections": render.leaving(at),
        "left-connections": render.left(at, None),
    }


def connections_context(locale: str) -> PageContext:
    """The page context of the connections flow."""
    return context(
        locale=locale,
        app_name="Riverside IT",
        app_mark="RI",
        operator="Riverside IT",
        practice=None,
        connector_texts=texts.connections_texts(locale),
        topics=(),
        keeps_password=False,
        goes_back=False,
    )


def closed(here: PageContext) -> dict[str, str]:
    said = {"locale": here.locale, "operator": here.operator}
    shown = {f"closed-{code}": render.closed(code, **said) for code in CLOSED}
    framed = {"app_name": here.app_name, "parent": "https://app.example"}
    shown["closed-framed"] = render.closed("link_expired", **said, **framed)
    opening = Framed("https://app.example", here.path, "s" * 43)
    shown["closed-shell"] = render.shell(**said, app_name=here.app_name, framed=opening)
    shown["credentials-framed"] = render.pane(msgspec.structs.replace(here, framed=opening), Credentials())
    for code in CLOSED:
        known = {"app_name": "Acme Scribe", "back_url": "https://acme.example/return"}
        shown[f"closed-{code}-back"] = render.closed(code, **said, **known)
        shown[f"closed-{code}-context"] = render.closed(code, **said, **known, context=here)
    return shown
