"""Hashes for what must not rest in the file: session and challenge ids, and passwords."""

import hashlib
import hmac
import secrets


def hash_secret(secret: str) -> str:
    """For a random secret. It needs no salt and no slow hash, because nobody can guess 24 random bytes."""
    return hashlib.sha256(secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def password_matches(password: str, stored: str) -> bool:
    if not stored:
        return False  # A new account has no password before its first one is set.
    salt, _, expected = stored.partition(":")
    return hmac.compare_digest(bytes.fromhex(expected), _scrypt(password, bytes.fromhex(salt)))


def _scrypt(password: str, salt: bytes) -> bytes:
    # Weak on purpose: the sign-in page prints the password anyway, and tests sign in hundreds of times.
    return hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=8, p=1, dklen=32)
