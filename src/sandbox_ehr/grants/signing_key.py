"""The key that signs id tokens. It is made when somebody first needs it, and lives as long as the program."""

import asyncio
import secrets
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"  # OpenID Connect Core, section 3.1.3.7: what every client understands


class SigningKey:
    def __init__(self) -> None:
        self._key: RSAKey | None = None
        self._making = asyncio.Lock()

    async def public(self) -> dict[str, Any]:
        """The JWKS."""
        key = await self._ready()
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}]}

    async def signed(self, claims: dict[str, Any]) -> str:
        key = await self._ready()
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}, claims, key, algorithms=[ALGORITHM])

    async def _ready(self) -> RSAKey:
        async with self._making:
            if self._key is None:
                self._key = await asyncio.to_thread(_new_key)
            return self._key


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8)}, private=True)
