import base64
from urllib.parse import quote

import pytest

from cobalt_link.kit import tokens
from tests.house.canaries import WORDS, leaks


@pytest.mark.parametrize("word", WORDS)
def test_a_canary_is_found_however_it_is_spelled(word: str) -> None:
    # S-049
    raws = (word.encode(), word.encode("utf-16-le"))
    padded = [b"x" * before + raw + b"y" * after for raw in raws for before in range(4) for after in range(4)]
    for spelled in (
        word,
        quote(word),
        *(raw.hex() for raw in raws),
        *(base64.b64encode(raw).decode() for raw in padded),
    ):
        assert leaks(f"event=said value={spelled} more=1"), spelled


def test_every_token_is_found_and_nothing_else() -> None:
    for kind in (tokens.LINK, tokens.PUBLIC, tokens.ACCESS, tokens.CLIENT_SECRET):
        assert leaks(f"got {tokens.mint(kind, tokens.TEST)}.")
    assert not leaks(f"client={tokens.mint(tokens.CLIENT_ID, tokens.TEST)} at_test_[hidden] pass")
