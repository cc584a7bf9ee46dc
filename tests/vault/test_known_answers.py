"""S-056: known answers. 311 rows listed in known_answers.json, 5 here, and 10,000 more under one digest.

Ed25519 has none yet: nothing signs with it before webhooks do.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cobalt_link.vault.ciphers import GcmSiv, Xaes
from cobalt_link.vault.hpke import SUITE

ANSWERS = json.loads(Path(__file__).with_name("known_answers.json").read_text())


def rows(name: str) -> list[list[Any]]:
    """Bytes; None where the answer is that nothing opens."""
    return [[None if value is None else bytes.fromhex(value) for value in row] for row in ANSWERS[name]]


def test_there_are_at_least_300_rows() -> None:
    assert sum(len(answers) for name, answers in ANSWERS.items() if name != "about") == 311


def test_aes_256_gcm_gives_the_answers_of_nist() -> None:
    for key, nonce, bound, plaintext, sealed in rows("aes_256_gcm_encrypt"):
        assert AESGCM(key).encrypt(nonce, plaintext, bound) == sealed


def test_aes_256_gcm_opens_and_refuses_as_nist_says() -> None:
    refused = 0
    for key, nonce, bound, plaintext, sealed in rows("aes_256_gcm_decrypt"):
        if plaintext is None:
            refused += 1
            with pytest.raises(InvalidTag):
                AESGCM(key).decrypt(nonce, sealed, bound)
        else:
            assert AESGCM(key).decrypt(nonce, sealed, bound) == plaintext
    assert refused >= 50


def test_aes_256_gcm_siv_gives_the_answers_of_rfc_8452() -> None:
    for key, nonce, bound, plaintext, sealed in rows("aes_256_gcm_siv"):
        assert GcmSiv(key).encrypt(nonce, plaintext, bound) == sealed
        assert GcmSiv(key).decrypt(nonce, sealed, bound) == plaintext


XAES_ANSWERS = [
    (b"\x01" * 32, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
    (b"\x03" * 32, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
]


@pytest.mark.parametrize(("key", "bound", "sealed"), XAES_ANSWERS)
def test_xaes_256_gcm_gives_the_answers_of_c2sp(key: bytes, bound: bytes, sealed: str) -> None:
    nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX"
    assert Xaes(key).encrypt(nonce, b"XAES-256-GCM", bound).hex() == sealed
    assert Xaes(key).decrypt(nonce, bytes.fromhex(sealed), bound) == b"XAES-256-GCM"


def test_xaes_256_gcm_gives_10000_more_answers_under_one_digest() -> None:
    """The accumulated vector of c2sp.org/XAES-256-GCM: inputs drawn from SHAKE128, outputs absorbed by another."""
    rounds = 10_000  # as many as the published digest is of
    take = _reader(hashlib.shake_128().digest(rounds * 330))
    seen = hashlib.shake_128()
    for _ in range(rounds):
        key, nonce = take(32), take(24)
        plaintext = take(take(1)[0])
        bound = take(take(1)[0])
        seen.update(Xaes(key).encrypt(nonce, plaintext, bound))
    assert seen.hexdigest(32) == "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"


def _reader(stream: bytes) -> Callable[[int], bytes]:
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        assert at <= len(stream)
        return stream[at - count : at]

    return take


def test_hmac_sha_256_gives_the_answers_of_rfc_4231() -> None:
    for key, message, digest in rows("hmac_sha_256"):
        assert hmac.digest(key, message, "sha256") == digest


HKDF_ANSWERS = [  # RFC 5869 A.1 to A.3: PRK, info, OKM
    (
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7"
        "e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
        "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("key", "info", "output"), HKDF_ANSWERS)
def test_hkdf_expand_gives_the_answers_of_rfc_5869(key: str, info: str, output: str) -> None:
    expand = HKDFExpand(SHA256(), len(output) // 2, bytes.fromhex(info))
    assert expand.derive(bytes.fromhex(key)).hex() == output


def test_our_hpke_suite_opens_the_message_of_rfc_9180() -> None:
    """Only opening can be compared (sealing is random); the vector has additional data, which the public API lacks."""
    vector = {name: bytes.fromhex(value) for name, value in ANSWERS["hpke"][0].items()}
    private = X25519PrivateKey.from_private_bytes(vector["private"])
    assert private.public_key().public_bytes_raw() == vector["public"]
    opened = openssl.hpke._decrypt_with_aad(SUITE, vector["sealed"], private, vector["info"], vector["aad"])
    assert opened == vector["plaintext"]
