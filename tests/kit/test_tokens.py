"""Tokens: their format, their checksum, and what a wrong one costs."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.kit import tokens
from tests.kit.forging import edits
from tests.support.proof import EDITED_TOKENS, MINTED_TOKENS, RANDOM_STRINGS

EVERY_KIND = [(kind, env) for kind in tokens.KINDS for env in tokens.ENVIRONMENTS]


@pytest.mark.parametrize(("kind", "env"), EVERY_KIND)
def test_a_token_shows_its_kind_and_environment(kind: str, env: str) -> None:
    token = tokens.mint(kind, env)
    assert re.fullmatch(f"{kind}_{env}_[0-9A-Za-z]{{49}}", token)
    assert tokens.well_formed(token)
    assert tokens.well_formed(token, kind)
    assert tokens.environment(token) == env
    assert not any(tokens.well_formed(token, other) for other in tokens.KINDS if other != kind)


def test_only_known_kinds_and_environments_are_minted() -> None:
    for kind, env in (("xx", "live"), ("at", "prod"), ("", "")):
        with pytest.raises(ValueError, match="use one of"):
            tokens.mint(kind, env)


def test_the_random_part_holds_256_bits_and_uses_every_digit_alike() -> None:
    assert 62**43 >= 2**256
    counts: dict[str, int] = dict.fromkeys(tokens.ALPHABET, 0)
    minted = [tokens.mint("at", "live") for _ in range(MINTED_TOKENS.times)]
    assert len(set(minted)) == len(minted)
    for token in minted:
        for digit in token[8:51]:
            counts[digit] += 1
    expected = len(minted) * 43 / 62
    # Chi-squared with 61 degrees of freedom: above 140 once in 10^7 runs of a fair source.
    assert sum((seen - expected) ** 2 / expected for seen in counts.values()) < 140


def test_every_single_edit_is_caught_offline() -> None:
    """S-045: 10^5 random replacements, insertions, removals and swaps of neighbors, anywhere in the token."""
    rng = random.Random(45)
    for number in range(EDITED_TOKENS.times):
        for edited in edits(rng, tokens.mint(*EVERY_KIND[number % len(EVERY_KIND)]), 100):
            assert not tokens.well_formed(edited), edited
            assert tokens.environment(edited) is None


@pytest.mark.slow
def test_no_random_string_of_the_right_shape_is_accepted() -> None:
    """S-045: 10^7 at night; by chance one in 62^6 = 5.7 * 10^10 would pass."""
    rng = random.Random(54)
    for _ in range(RANDOM_STRINGS.times // 1_000):
        body = "".join(rng.choices(tokens.ALPHABET, k=1_049))
        accepted = [at for at in range(1_000) if tokens.well_formed("at_live_" + body[at : at + 49])]
        assert not accepted


@given(st.text())
def test_any_text_is_answered_without_an_error(text: str) -> None:
    assert tokens.well_formed(text) is False
    assert tokens.environment(text) is None


def test_nothing_is_stripped() -> None:
    token = tokens.mint("lt", "test")
    assert not any(map(tokens.well_formed, (f" {token}", f"{token} ", f"{token}\n", token.upper(), f"Bearer {token}")))
