"""No string that others fill in can become markup, an attribute, an address or a script (S-121)."""

from __future__ import annotations

from functools import cache

import pytest

from cobalt_link.link.pages import connection_list, home, render
from tests.link.pages import gallery
from tests.link.pages.hostile import ATTACKS, Hostile
from tests.link.pages.reading import read
from tests.support.proof import RUNS_OF_ATTACKS

PER_RUN = len(ATTACKS) // RUNS_OF_ATTACKS.times
RUNS = ["".join(ATTACKS[start : start + PER_RUN]) for start in range(0, len(ATTACKS), PER_RUN)]
ADDRESSES = ("javascript:pwned()", "JaVaScRiPt:pwned()", "data:text/html,<script>pwned()</script>", "//evil.example")


def attributes(host_markup: dict[str, str]) -> dict[str, set[str]]:
    """Every attribute that occurs, by element."""
    found: dict[str, set[str]] = {}
    for page in host_markup.values():
        for element in read(page).all():
            found.setdefault(element.tag, set()).update(element.attrs)
    return found


@cache
def usual() -> dict[str, set[str]]:
    """The attributes of pages that nobody attacks."""
    return attributes(gallery.gallery("en"))


def spoilt(attack: str, monkeypatch: pytest.MonkeyPatch, *, texts: bool = True) -> dict[str, str]:
    monkeypatch.setattr(gallery, "render", Hostile(render, attack, texts=texts))
    monkeypatch.setattr(gallery, "connection_list", Hostile(connection_list, attack, texts=texts))
    monkeypatch.setattr(gallery, "home", Hostile(home, attack, texts=texts))
    return gallery.gallery("en")


def test_there_are_a_hundred_attacks() -> None:
    assert len(set(ATTACKS)) == 100


@pytest.mark.parametrize("attack", [*RUNS, *ADDRESSES])
def test_no_attack_adds_an_element_an_attribute_or_an_address(attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = usual()
    for name, page in spoilt(attack, monkeypatch).items():
        for element in read(page).all():
            assert element.tag in allowed, (name, element.tag)
            assert element.attrs.keys() <= allowed[element.tag], (name, element.tag)
            for attr in ("href", "action", "formaction", "src"):
                url = element.attrs.get(attr, "")
                own = ("", "#close", "/connections", "/openapi.json", "/readyz")
                assert url.startswith(("/link/", "/static/", "/?lang=")) or url in own, (name, url)
            assert "http-equiv" not in element.attrs or name.startswith(("working", "returning", "going"))


def test_the_attacks_do_reach_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = [name for name, page in spoilt("<i>attack</i>", monkeypatch).items() if "&lt;i&gt;attack" in page]
    assert set(gallery.gallery("en")) - set(reached) == set()


def test_control_and_bidirectional_characters_do_not_reach_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, page in spoilt("\x00\x1b\u202e\u2066name", monkeypatch, texts=False).items():
        shown = read(page).text
        assert not set(shown) & set("\x00\x1b\u202e\u2066"), name
