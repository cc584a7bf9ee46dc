"""S-045: of each kind of token 20,000 with one edit, 10^5 in all, at the route that takes it. None reaches the
database."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.developers.auth import Callers
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import SystemClock
from cobalt_link.link.session.exchange import Exchanges, InvalidPublicToken
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.problems import Unauthorized
from tests.kit.forging import edits
from tests.support.proof import MISTYPED_TOKENS


class Untouched:
    """In the place of a database: whatever is asked of it is an error. Its connections are counted without asking."""

    group_writers, size = 0, 10

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def asked(*_: object, **__: object) -> Any:
            raise AssertionError(f"The database was asked: {name}")

        return asked


DB: Any = Untouched()
VAULT, CLOCK = Vault(Keyring.generate()), SystemClock()
ACCESS = AccessTokens(DB, VAULT, CLOCK)
LINKS = Tokens(DB, VAULT, CLOCK, public_minutes=30)
EXCHANGES = Exchanges(DB, VAULT, CLOCK, ACCESS)
CALLERS = Callers(DB, VAULT, CLOCK)
GOOD_ID, GOOD_SECRET = tokens.mint(tokens.CLIENT_ID, "test"), tokens.mint(tokens.CLIENT_SECRET, "test")

DOORS: dict[str, Callable[[str], Awaitable[object]]] = {
    tokens.LINK: LINKS.look_up,
    tokens.PUBLIC: lambda token: EXCHANGES("client", "test", token, None),
    tokens.ACCESS: lambda token: ACCESS.resolve("client", token),
    tokens.CLIENT_ID: lambda text: CALLERS.authenticate(CallerCredentials(text, GOOD_SECRET)),
    tokens.CLIENT_SECRET: lambda text: CALLERS.authenticate(CallerCredentials(GOOD_ID, text)),
}


async def outcome(door: Callable[[str], Awaitable[object]], token: str) -> object:
    """The token as the route accepts it, or None if it is refused."""
    try:
        return await door(token)
    except (Unauthorized, InvalidPublicToken):
        return None


@pytest.mark.parametrize("kind", DOORS)
async def test_no_mistyped_token_reaches_the_database(kind: str) -> None:
    rng = random.Random(kind)
    for number in range(MISTYPED_TOKENS.times):
        token = tokens.mint(kind, tokens.ENVIRONMENTS[number % 2])
        for edited in edits(rng, token, 100):
            assert await outcome(DOORS[kind], edited) is None, edited


@pytest.mark.parametrize("kind", DOORS)
async def test_a_well_formed_one_does(kind: str) -> None:
    with pytest.raises(AssertionError, match="The database was asked"):
        await DOORS[kind](tokens.mint(kind, "test"))
