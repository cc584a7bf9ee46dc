"""What a page says of secrets, waits, and its own buttons is true, and only test clients see the ribbon."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from cobalt_link.connector.panes import Code, Credentials, Message, PaneRefusal
from cobalt_link.connector.refusals import catalogue
from cobalt_link.link.pages import render
from cobalt_link.link.pages.texts import LOCALES
from tests.link.pages.gallery import context
from tests.link.pages.linked_apps import NOW
from tests.link.pages.reading import Element, read, shown

LOCK = re.search(r'"lock": "([^"]+)"', (Path(render.__file__).parent / "templates" / "parts.html").read_text())[1]  # type: ignore[index]


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    ("pane", "says"),
    [
        (Credentials(), "Your password goes to"),
        (Credentials(username="m", fixed=True), "Your password goes to"),
        (Code(length=6), "Your code goes to"),
        (Code(), "Your code goes to"),
    ],
)
def test_who_types_a_secret_sees_where_it_goes_and_a_lock_over_https_only(
    pane: Credentials | Code, says: str, tls: bool
) -> None:
    for repairing in (False, True):
        host = read(render.pane(context(tls=tls, repairing=repairing), pane)).one("p", **{"class": "host"})
        label = host.one("small")
        assert label.text == says and not any("vh" in each.classes() for each in (label, label.parent) if each)
        assert len(host.all("svg")) == tls
    assert f'd="{LOCK}"' not in render.pane(context(tls=False), pane)


def test_a_wait_stands_on_its_button_and_the_page_says_it_without_a_script_too() -> None:
    later = shown()["code"].one("button", name="resend")
    assert (later.attrs["data-left"], later.attrs["data-words"]) == ("28", "Send a new code in {time}")
    assert later.text == "Send a new code" and not later.has("disabled")  # a script counts, and nothing else could
    assert shown()["code"].one("noscript").text == "You can ask for a new code in 28 seconds."
    now = shown()["code-resend"]
    assert not now.one("button", name="resend").has("data-left") and not now.all("noscript")


@pytest.mark.parametrize("code", ["ehr_busy", "too_many_codes", "locked"])
def test_a_time_to_wait_counts_down_and_a_page_that_is_looked_at_later_says_that_it_is_over(code: str) -> None:
    page = shown()[f"message-{code}"]
    # An administrator may unlock an account earlier: there the time is only what is usual.
    seconds = {"ehr_busy": ["120"], "too_many_codes": ["900"], "locked": []}[code]
    assert [each.attrs["data-left"] for each in page.all("time")] == seconds
    again = page.one("button", value="again")
    assert again.attrs.get("data-left") == (seconds[0] if seconds else None)
    late = shown()[f"message-{code}-over"]
    assert not late.all("time") and not late.one("button", value="again").has("data-left")
    assert ("You can try again now." in late.text) == (code != "locked")
    assert "usually unlocks it" not in late.text


def test_a_notice_on_a_pane_goes_when_its_wait_is_over() -> None:
    busy = Code(length=6, resend=True, problem=PaneRefusal("ehr_busy", {"reason": "resend", "seconds": 20}))
    assert "asks us to wait" in render.pane(context(refused_at=NOW - timedelta(seconds=5)), busy)
    assert 'data-left="15"' in render.pane(context(refused_at=NOW - timedelta(seconds=5)), busy)
    assert "asks us to wait" not in render.pane(context(refused_at=NOW - timedelta(seconds=21)), busy)


def test_how_long_we_waited_for_an_ehr_is_no_time_to_wait() -> None:
    assert "It didn’t reply for 20 seconds." in shown()["message-ehr_down"].text
    assert not shown()["message-ehr_down"].all("time")


@pytest.mark.parametrize("locale", LOCALES)
def test_a_button_says_what_it_does(locale: str) -> None:
    """Back to the app leads there, and nothing that stays with us says that it goes somewhere."""
    back, go = {"en": ("Back to Acme", "Go to "), "es": ("Volver a Acme", "Ir a ")}[locale]
    for name, page in shown(locale).items():
        for each in page.all("button") + page.all("a"):
            leads = [*(each.attrs.get(attr, "") for attr in ("href", "formaction")), _action(each)]
            if each.text.startswith(back):
                gone = any(
                    url.startswith("https://acme.example/") or url.endswith("/done") or name == "returning"
                    for url in leads
                )
                assert gone or (leads[1].endswith("/exit") and each.attrs["value"] == "back"), name
            leaves = leads[0].startswith("https:") or leads[2].endswith("/redirect")
            assert not each.text.startswith(go) or leaves, name
    nowhere = context(locale=locale, goes_back=False)
    for code in catalogue():
        assert back not in read(render.pane(nowhere, Message(code=code, again=False))).text


def _action(element: Element) -> str:
    form: Element | None = element
    while form and form.tag != "form":
        form = form.parent
    return form.attrs.get("action", "") if form else ""


def test_only_a_test_client_sees_the_ribbon_with_the_logins() -> None:
    for name, page in shown().items():
        ribbons = page.all("div", **{"class": "test"})
        assert len(ribbons) == name.startswith(("credentials-test", "done-test")), name
    ribbon = shown()["credentials-test"].one("div", **{"class": "test"})
    assert ribbon.one("p").text == "Test mode Sign in as user_good with pass_good"
    assert [each.text for each in ribbon.all("code")] == ["user_good", "pass_good", "user_code"]
    assert "Gets a code by text message: 123456" in ribbon.text
    assert shown()["credentials-test-bare"].one("div", **{"class": "test"}).text == "Test mode"


def test_the_page_at_the_root_says_what_this_is_and_leads_on() -> None:
    page = shown()["home"]
    rows = {row.attrs["href"]: row.text for row in page.one("main").all("a")}
    assert list(rows) == ["/connections", "/openapi.json", "/readyz"]
    assert "It runs Cobalt Link." in page.text and rows["/readyz"] == "Status Working"
    assert "Run by Acme Health" in page.text and "the database doesn’t answer" in shown()["home-broken"].text
    assert page.one("a", hreflang="es").attrs["href"] == "/?lang=es"
