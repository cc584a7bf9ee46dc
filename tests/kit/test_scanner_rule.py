"""The rule of .gitleaks.toml finds every secret token that is made, and none in this repository."""

from __future__ import annotations

import random
import re
import tomllib

from cobalt_link.kit import tokens
from tests.house.tree import ROOT, tracked_files, within
from tests.support.proof import MINTED_TOKENS

(RULE,) = tomllib.loads((ROOT / ".gitleaks.toml").read_text())["rules"]
PATTERN = re.compile(RULE["regex"])
SECRET = [kind for kind in tokens.KINDS if kind != tokens.CLIENT_ID]
PLACES = ("{}", "TOKEN={}\n", '{{"access_token":"{}"}}', "'{}'", "https://a.example/?token={}&x=1", "\\n{}\\n", "a{}_b")


# S-047
def test_the_rule_finds_every_secret_token_wherever_it_stands() -> None:
    chance = random.Random(47)
    for _ in range(MINTED_TOKENS.times):
        token = tokens.mint(chance.choice(SECRET), chance.choice(tokens.ENVIRONMENTS))
        text = chance.choice(PLACES).format(token)
        assert PATTERN.findall(text) == [token], text
        assert any(word in text.lower() for word in RULE["keywords"])  # gitleaks reads no line without one
    for harmless in (tokens.mint(tokens.CLIENT_ID, "live"), "at_live_" + "x" * 48, "cs_prod_" + "x" * 49):
        assert not PATTERN.search(harmless)


# S-047
def test_the_rule_finds_nothing_in_this_repository() -> None:
    found = []
    for path in tracked_files():
        found += [f"{within(path)}: {each[:12]}" for each in PATTERN.findall(path.read_text(errors="replace"))]
    assert found == []
