"""Envelopes: bound to their place, refused when changed, never the same twice."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.vault import GCM_SIV, XAES, CannotOpen, Context, DataKey, KeyExhausted, Keyring, Vault, key_id
from cobalt_link.vault.envelope import HEADER_SIZE, MAX_USES, SealingKey
from tests.support.proof import CIPHERTEXTS, SEALS, SWAPS

PLACE = Context(table="accounts", tenant="client-1", row="42", field="grant")
BOTH = pytest.mark.parametrize("algorithm", [GCM_SIV, XAES])


def new_vault(algorithm: int = GCM_SIV) -> Vault:
    ring = Keyring.generate()
    ring.rotate(algorithm)
    return Vault(ring)


@BOTH
def test_what_was_sealed_opens_at_its_place(algorithm: int) -> None:
    vault = new_vault(algorithm)
    for plaintext in (b"", b"x", b"password", b"word" * 20_000):
        sealed = vault.seal(plaintext, PLACE)
        assert vault.open(sealed, PLACE) == plaintext
        assert len(plaintext) < 8 or plaintext not in sealed
        assert sealed[0] == algorithm
        assert key_id(sealed) == vault.primary


contexts = st.builds(Context, table=st.text(), tenant=st.text(), row=st.text(), field=st.text())


@given(contexts, contexts, st.binary(max_size=200))
def test_it_opens_at_its_own_place_only(place: Context, other: Context, plaintext: bytes) -> None:
    sealed = SHARED.seal(plaintext, place)
    assert SHARED.open(sealed, place) == plaintext
    if other != place:
        with pytest.raises(CannotOpen):
            SHARED.open(sealed, other)


SHARED = new_vault()


@given(contexts, contexts)
def test_no_two_places_are_bound_alike(one: Context, other: Context) -> None:
    assert (one.bound(b"") == other.bound(b"")) == (one == other)


def test_moving_text_between_neighboring_parts_is_another_place() -> None:
    assert Context("ab", "c", "", "").bound(b"") != Context("a", "bc", "", "").bound(b"")


def test_10000_random_swaps_between_places_are_refused() -> None:
    """S-050: tables, tenants of both environments, rows, fields, and key versions, each value at another's place."""
    rng = random.Random(50)
    ring = Keyring.generate()
    versions = [ring.primary, ring.rotate()]
    vault = Vault(ring)
    places = [
        Context(table, f"{env}-{tenant}", str(row), field)
        for table in ("accounts", "journal", "data_keys")
        for env in ("live", "test")
        for tenant in range(4)
        for row in range(10)
        for field in ("grant", "answer")
    ]
    # By the master key and by a data key, and each of them by two versions of the key.
    sealers = [DataKey(bytes((number,)) * 32, XAES) for number in range(2)]
    by_master: list[tuple[Context, bytes]] = []
    for kid in versions:
        ring.promote(kid)
        sealer = Vault(ring)
        by_master += [(place, sealer.seal(b"secret", place)) for place in places]
    by_data_key = [(place, key.seal(b"secret", place)) for key in sealers for place in places]
    for _ in range(SWAPS.times):
        for sealed, opens in ((by_master, vault.open), (by_data_key, sealers[0].open)):
            (here, value), (there, other) = rng.sample(sealed, 2)
            # The value of another place, and the own one under the header that names the other's key.
            forged = other[:HEADER_SIZE] + value[HEADER_SIZE:]
            for attempt, place, moved in ((value, there, there != here), (forged, here, forged != value)):
                if moved:
                    with pytest.raises(CannotOpen):
                        opens(attempt, place)
    print(f"S-050: 0 of {2 * SWAPS.times} random swaps of place opened, nor of as many key versions")


@BOTH
def test_every_flipped_bit_is_refused_with_one_text(algorithm: int) -> None:
    """S-051: each bit of 200 ciphertexts at night (100 per algorithm), header, key id, nonce and tag included."""
    vault = new_vault(algorithm)
    texts, sealed = set(), b""
    for number in range(CIPHERTEXTS.times):
        sealed = vault.seal(bytes(number % 5), PLACE)
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            texts.add(refusal(vault, bytes(changed), PLACE))
    texts.add(refusal(vault, sealed, Context("accounts", "client-2", "42", "grant")))
    assert texts == {repr(CannotOpen()) + str(CannotOpen())}


def refusal(vault: Vault, sealed: bytes, place: Context) -> str:
    with pytest.raises(CannotOpen) as caught:
        vault.open(sealed, place)
    assert caught.value.__cause__ is None
    return repr(caught.value) + str(caught.value)


@BOTH
def test_cut_and_lengthened_values_are_refused(algorithm: int) -> None:
    vault = new_vault(algorithm)
    sealed = vault.seal(b"secret", PLACE)
    for length in range(len(sealed)):
        refusal(vault, sealed[:length], PLACE)
    refusal(vault, sealed + b"\0", PLACE)


@given(st.binary(max_size=120))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(CannotOpen):
        SHARED.open(garbage, PLACE)


@pytest.mark.slow
@BOTH
def test_no_nonce_repeats(algorithm: int) -> None:
    """S-055: 10^6 seals for each algorithm at night."""
    key = SealingKey(bytes(32), algorithm)
    size = 12 if algorithm == GCM_SIV else 24
    assert len({key.seal(b"", PLACE)[9 : 9 + size] for _ in range(SEALS.times)}) == SEALS.times
    assert key.uses == SEALS.times


@BOTH
def test_a_key_stops_at_two_to_the_32(algorithm: int) -> None:
    """S-055: the last seal works, the next is refused, and opening goes on."""
    key = SealingKey(bytes(32), algorithm)
    key.uses = MAX_USES - 1
    last = key.seal(b"last", PLACE)
    for _ in range(2):
        with pytest.raises(KeyExhausted, match="cobalt keys rotate"):
            key.seal(b"one more", PLACE)
    assert MAX_USES == 2**32
    assert key.open(last, PLACE) == b"last"


def test_each_data_key_is_its_own() -> None:
    made = [SHARED.new_data_key(PLACE) for _ in range(100)]
    assert len({key.id for key, _ in made}) == 100
    (one, _), (other, _) = made[:2]
    sealed = one.seal(b"secret", PLACE)
    assert key_id(sealed) == one.id
    with pytest.raises(CannotOpen):
        other.open(sealed, PLACE)


def test_a_wrapped_data_key_opens_for_its_owner_only() -> None:
    key, wrapped = SHARED.new_data_key(PLACE)
    assert SHARED.open_data_key(wrapped, PLACE).open(key.seal(b"secret", PLACE), PLACE) == b"secret"
    with pytest.raises(CannotOpen):
        SHARED.open_data_key(wrapped, Context("accounts", "client-1", "43", "grant"))
    with pytest.raises(CannotOpen):
        SHARED.open_data_key(SHARED.seal(b"no key", PLACE), PLACE)


def test_a_place_may_be_named_by_any_text() -> None:
    """A name from outside may hold half a surrogate pair, which UTF-8 does not have."""
    odd = Context("accounts", "client-\ud800", "\udfff", "grant")
    assert SHARED.open(SHARED.seal(b"secret", odd), odd) == b"secret"
    with pytest.raises(CannotOpen):
        SHARED.open(SHARED.seal(b"secret", odd), Context("accounts", "client-?", "?", "grant"))


def test_no_data_key_is_made_of_the_wrong_size_or_for_a_cipher_of_a_later_version() -> None:
    for size, algorithm in ((16, XAES), (31, XAES), (33, XAES), (0, GCM_SIV), (32, 0), (32, 99), (16, 99)):
        with pytest.raises(CannotOpen):
            DataKey(bytes(size), algorithm)


def test_derived_keys_differ_by_purpose_and_data_key() -> None:
    one, wrapped = SHARED.new_data_key(PLACE)
    other, _ = SHARED.new_data_key(PLACE)
    derived = [one.derive("ids"), one.derive("other"), other.derive("ids")]
    assert len(set(derived)) == 3
    assert {len(key) for key in derived} == {32}
    assert SHARED.open_data_key(wrapped, PLACE).derive("ids") == one.derive("ids")


def test_data_of_two_algorithms_lives_side_by_side() -> None:
    """S-063: the envelope and the wrapped data key carry their algorithm."""
    old, old_wrapped = SHARED.new_data_key(PLACE, GCM_SIV)
    new, new_wrapped = SHARED.new_data_key(PLACE, XAES)
    by_old, by_new = old.seal(b"secret", PLACE), new.seal(b"secret", PLACE)
    assert (by_old[0], by_new[0]) == (GCM_SIV, XAES)
    assert SHARED.open_data_key(old_wrapped, PLACE).open(by_old, PLACE) == b"secret"
    assert SHARED.open_data_key(new_wrapped, PLACE).open(by_new, PLACE) == b"secret"


def test_nothing_secret_shows_in_a_representation() -> None:
    secret = bytes(range(32))
    key = DataKey(secret)
    shown = repr(key) + str(key) + repr(SHARED) + repr(SealingKey(secret, XAES)) + repr(Keyring.generate())
    assert "\\x1f" not in shown
    assert "key=" not in shown
