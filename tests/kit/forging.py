"""Tokens with one edit in them: what a typing error, a cut line or a guess makes of one."""

import random
import string
from collections.abc import Iterator

LETTERS = string.ascii_letters + string.digits + "_-é \n"


def edits(rng: random.Random, token: str, count: int) -> Iterator[str]:
    """So many texts that differ from the token by one replacement, insertion, removal or swap of neighbors."""
    done = 0
    while done < count:
        edited = _edit(rng, token)
        if edited != token:
            done += 1
            yield edited


def _edit(rng: random.Random, token: str) -> str:
    at = rng.randrange(len(token))
    match rng.randrange(4):
        case 0:
            return token[:at] + rng.choice(LETTERS) + token[at + 1 :]
        case 1:
            return token[:at] + rng.choice(LETTERS) + token[at:]
        case 2:
            return token[:at] + token[at + 1 :]
        case _:
            return token[:at] + token[at : at + 2][::-1] + token[at + 2 :]
