"""The texts: every page in every language, no text unused, and no name that could reorder the text around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from markupsafe import Markup

from cobalt_link.connector.refusals import catalogue
from cobalt_link.link.pages import texts as texts_module
from cobalt_link.link.pages.texts import LOCALES, Texts, catalog, choose, placeholders
from tests.link.pages.gallery import gallery

TEMPLATES = Path(texts_module.__file__).parent / "templates"


def texts_with(**connector_texts: str) -> Texts:
    return Texts("en", connector_texts=connector_texts, names={"app": "Acme", "ehr": "Larkspur"})


class Watched(dict[str, str]):
    """Texts that remember which of them were taken."""

    def __init__(self, known: Mapping[str, str]) -> None:
        super().__init__(known)
        self.taken: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.taken.add(key)
        return super().__getitem__(key)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_has_its_texts_and_no_text_is_unused(locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(catalog(locale))
    monkeypatch.setattr(texts_module, "catalog", lambda _: watched)
    gallery(locale)
    assert set(watched) - watched.taken == {"language.name"} | _months(watched)


def _months(known: Mapping[str, str]) -> set[str]:
    """The months that the gallery's dates do not name."""
    return {key for key in known if key.startswith("month.")} - {"month.3", "month.12"}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_refusal_says_what_happened_and_what_to_do(locale: str) -> None:
    known = catalog(locale)
    for code in (*catalogue(), "disconnected"):
        assert known[f"refusal.{code}.title"]
        assert any(key.startswith(f"refusal.{code}.why") for key in known), code


@pytest.mark.parametrize("locale", LOCALES)
def test_all_languages_say_the_same_things_about_the_same_names(locale: str) -> None:
    english, other = catalog("en"), catalog(locale)
    assert set(english) == set(other)
    for key, text in english.items():
        if not key.startswith("day."):
            assert placeholders(text) == placeholders(other[key]), key


def test_english_texts_keep_the_house_style() -> None:
    for key, text in catalog("en").items():
        assert not re.search(r"!|\b(please|oops|sorry|invalid)\b|'|\.\.\.", text, re.IGNORECASE), key


def test_templates_hold_no_words_of_their_own() -> None:
    for file in TEMPLATES.glob("*.html"):
        shown = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->|<[^>]*>", " ", file.read_text("utf-8"), flags=re.S)
        assert set(re.findall(r"[^\W\d_]{2,}", shown)) <= {"cobalt", "clients", "update", "callback", "url", "https",
                                                           "app", "example", "return"}, file.name  # fmt: skip


def test_names_are_escaped_and_isolated() -> None:
    said = Texts("en", connector_texts={}, names={"app": "<b>\u202eAcme"})("page.back")
    assert said == "Back to <bdi>&lt;b&gt;Acme</bdi>"


def test_markup_of_ours_and_numbers_stay_as_they_are() -> None:
    assert texts_with()("waiting.why_number", number=Markup("<b>47</b>")).endswith("choose <b>47</b>.")
    assert texts_with()("code.label", length=6) == "6-digit code"


def test_plain_text_carries_no_markup() -> None:
    assert Texts("en", connector_texts={}, names={"app": "A<i>&B"}).plain("page.back") == "Back to A<i>&B"


def test_a_connectors_text_wins_over_ours() -> None:
    said = texts_with(**{"refusal.locked.title": "{ehr} closed the account"})("refusal.locked.title")
    assert said == "<bdi>Larkspur</bdi> closed the account"


def test_a_connectors_text_that_cannot_be_filled_leaves_ours_in_place() -> None:
    said = texts_with(**{"refusal.locked.title": "{nobody} knows"})("refusal.locked.title")
    assert said == "<bdi>Larkspur</bdi> locked this account"


def test_a_missing_text_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match=r"nowhere\.to_be_found"):
        texts_with()("nowhere.to_be_found")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "1 second"),
        (1.2, "2 seconds"),
        (60, "1 minute"),
        (59, "59 seconds"),
        (61, "2 minutes"),
        (87, "2 minutes"),
        (98, "2 minutes"),
        (3600, "1 hour"),
        (240, "4 minutes"),
        (3601, "65 minutes"),
        (7200, "2 hours"),
        (48 * 3600, "48 hours"),
        (49 * 3600, "3 days"),
    ],
)
def test_lengths_of_time_are_shown_as_people_say_them(seconds: float, said: str) -> None:
    assert texts_with().span(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "left", "ago"),
    [
        (0, "1 second", "just now"),
        (59, "59 seconds", "just now"),
        (60, "1 minute", "1 minute ago"),
        (87, "1 minute", "1 minute ago"),
        (119, "2 minutes", "1 minute ago"),
        (299.6, "5 minutes", "4 minutes ago"),
        (3599, "1 hour", "59 minutes ago"),
        (75 * 60, "75 minutes", "1 hour ago"),
        (23 * 3600 + 3599, "1 day", "23 hours ago"),
        (30 * 3600, "1 day", "1 day ago"),
        (50 * 3600, "2 days", "2 days ago"),
    ],
)
def test_what_ends_is_rounded_down_and_what_was_is_said_as_people_say_it(seconds: float, left: str, ago: str) -> None:
    assert (texts_with().left(seconds), texts_with().ago(seconds)) == (left, ago)


@pytest.mark.parametrize("locale", LOCALES)
def test_no_time_is_said_in_more_of_a_unit_than_people_count(locale: str) -> None:
    texts = Texts(locale, connector_texts={}, names={})
    for seconds in (*range(0, 3600), *range(3600, 14 * 24 * 3600, 997)):
        for said, most in ((texts.span, 90), (texts.left, 90), (texts.ago, 59)):
            number = re.search(r"\d+", text := said(seconds))
            assert not number or int(number[0]) <= most, (said.__name__, seconds, text)
        assert not re.search(r"second|segundo", texts.ago(seconds)), seconds
        assert texts.ago(seconds) != texts.ago(seconds - 3 * 3600) or seconds > 24 * 3600 or seconds < 3 * 3600


@pytest.mark.parametrize(
    ("accepted", "asked", "spoken"),
    [
        (None, None, "en"),
        ("es", None, "es"),
        ("es-MX,es;q=0.9,en;q=0.8", None, "es"),
        ("de-DE,de;q=0.9,es;q=0.3,en;q=0.2", None, "es"),
        ("en;q=0.2, es;q=0.9", None, "es"),
        ("es;q=0, en", None, "en"),
        ("*", None, "en"),
        ("es;q=nonsense,;;,", None, "es"),
        ("fr", None, "en"),
        ("en", "es", "es"),
        ("es", "ES-419", "es"),
        ("es", "tlh", "es"),
        ("en," * 5000, None, "en"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_browsers_best(
    accepted: str | None, asked: str | None, spoken: str
) -> None:
    assert choose(accepted, asked) == spoken


def test_days_of_another_year_name_it() -> None:
    from datetime import date

    assert texts_with().day(date(2026, 3, 3), date(2026, 11, 23)) == "March 3"
    assert texts_with().day(date(2025, 3, 3), date(2026, 11, 23)) == "March 3, 2025"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_texts_of_the_connections_flow_replace_texts_that_exist(locale: str) -> None:
    assert texts_module.connections_texts(locale)
    assert texts_module.connections_texts(locale).keys() <= catalog(locale).keys()
