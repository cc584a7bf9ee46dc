"""Sealing to a public key: only the private half opens, only under the same info."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.vault import CannotOpen, new_pair, open_with, seal_to
from tests.support.proof import SEALED_ANSWERS

PRIVATE, PUBLIC = new_pair()


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_the_private_half_opens(plaintext: bytes, info: bytes) -> None:
    sealed = seal_to(PUBLIC, plaintext, info)
    assert len(sealed) == len(plaintext) + 49
    assert open_with(PRIVATE, sealed, info) == plaintext


def test_two_seals_of_one_text_differ() -> None:
    assert len({seal_to(PUBLIC, b"password", b"") for _ in range(SEALED_ANSWERS.times)}) == SEALED_ANSWERS.times


def test_another_info_or_another_key_is_refused() -> None:
    sealed = seal_to(PUBLIC, b"password", b"attempt 1, entry 2")
    for private, info in ((PRIVATE, b"attempt 1, entry 3"), (PRIVATE, b""), (new_pair()[0], b"attempt 1, entry 2")):
        with pytest.raises(CannotOpen):
            open_with(private, sealed, info)


def test_every_flipped_bit_and_every_cut_is_refused_with_one_text() -> None:
    """S-051 for what users type."""
    sealed = seal_to(PUBLIC, b"password", b"info")
    changed = [_flip(sealed, bit) for bit in range(len(sealed) * 8)]
    for broken in (*changed, *(sealed[:length] for length in range(len(sealed)))):
        with pytest.raises(CannotOpen) as caught:
            open_with(PRIVATE, broken, b"info")
        assert str(caught.value) == str(CannotOpen())


def _flip(sealed: bytes, bit: int) -> bytes:
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
