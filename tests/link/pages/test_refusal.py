"""What the page of a refusal says, and where it leads: only to the EHR that it names and to the app."""

from __future__ import annotations

import pytest

from cobalt_link.connector.panes import Credentials, Message, PaneRefusal
from cobalt_link.link.pages import render
from tests.link.pages.gallery import context
from tests.link.pages.reading import read, shown


def test_a_password_is_changed_at_the_ehr_in_a_window_that_knows_nothing_of_this_one() -> None:
    link = shown()["message-password_expired"].one("a", **{"class": "btn go"})
    assert link.attrs["href"] == "https://riverside.larkspur.example/reset"
    assert {"noopener", "noreferrer"} <= set(link.attrs["rel"].split())
    evil = render.pane(context(), Message(code="password_expired", details={"url": "javascript:alert(1)"}))
    assert "javascript" not in evil


def test_a_forgotten_password_is_reset_at_the_ehr_in_a_window_of_its_own() -> None:
    link = next(each for each in shown()["credentials-wrong"].all("a") if "Reset it at Larkspur" in each.text)
    assert link.attrs["href"] == "https://riverside.larkspur.example/forgotten"
    assert (link.attrs["target"], link.attrs["rel"]) == ("_blank", "noopener noreferrer")
    assert "Reset it" not in shown()["credentials-wrong-unknown"].text
    assert "Reset it" not in shown()["credentials"].text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://evil.example/forgotten",
        "https://riverside.larkspur.example@evil.example/",
        "https://evil.example\\@riverside.larkspur.example/",
        "https://riverside.larkspur.example.evil.example/",
        "https://riverside.larkspur.example/\u202e",
        "//evil.example",
        "https://[",
    ],
)
def test_a_link_with_the_name_of_an_ehr_leads_nowhere_else(url: str) -> None:
    wrong = PaneRefusal("wrong_credentials", {"url": url})
    assert "Reset it at" not in render.pane(context(), Credentials(problem=wrong))
    assert "Reset it at" in render.pane(
        context(), Credentials(problem=PaneRefusal("wrong_credentials", {"url": "https://login.larkspur.example/x"}))
    )


def test_when_an_ehr_is_silent_the_page_says_when_it_last_worked() -> None:
    page = shown()["message-ehr_down"]
    assert [label.text for label in page.all("dt")] == ["Last worked", "Next", "Reference"]
    assert page.all("dd")[0].text == "12 minutes ago"
    assert "Last worked" not in read(render.pane(context(), Message(code="ehr_down"))).text


def test_what_is_sent_to_the_app_is_shown_by_names_that_people_know() -> None:
    pages = {name: shown()[f"message-unsupported-ask{name}"] for name in ("", "-part", "-unknown")}
    said = {name: page.all("dd")[0].text for name, page in pages.items()}
    assert said[""].startswith("Your practice, Cedar Works, and the web address.")
    assert said["-part"].startswith("Your practice, Larkspur, and the web address.")
    assert said["-unknown"].startswith("Your practice, its EHR, and the web address.")
    buttons = {name: page.one("button", value="ask").text for name, page in pages.items()}
    assert buttons == {"": "Ask for Cedar Works", "-part": "Ask for it", "-unknown": "Ask for it"}
