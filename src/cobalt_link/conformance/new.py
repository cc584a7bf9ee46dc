"""Creates the folder of a new connector: a package that passes the check with an EHR of its own."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Literal, TypeAlias

from cobalt_link.conformance.manifests import KEY, MARK_MOST

Kind: TypeAlias = Literal["json", "smart", "browser"]
TEMPLATES = Path(__file__).parent / "templates"
# Where each file of a template goes. `{key}` is the connector's key.
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "connector.py": "{key}/__init__.py",
    "manifest.toml": "{key}/manifest.toml",
    "texts/en.toml": "{key}/texts/en.toml",
    "cases.toml": "{key}/cases.toml",
    "test_server.py": "{key}_test_server.py",
    "test_connector.py": "tests/test_{key}.py",
}
# A sign-in of these kinds needs a verb that `Ask` does not have yet. A folder that cannot pass would help nobody.
LATER: dict[Kind, str] = {
    "smart": "A SMART sign-in happens on the EHR's own page, and `ask.redirect` for that does not exist yet.",
    "browser": "A browser connector drives the EHR's pages, and `ask.browser` for that does not exist yet.",
}


class CannotCreate(Exception):
    """The folder cannot be created. The text says why, and what to do."""


def create(parent: Path, key: str, kind: Kind) -> Path:
    """Writes `cobalt-<key>` into a folder, and gives its path. Raises CannotCreate, and then changes nothing."""
    if kind in LATER:
        raise CannotCreate(f"{LATER[kind]} Use --kind json if the EHR has an API of its own.")
    if not KEY.fullmatch(key):
        raise CannotCreate(
            "The name is the connector's key: 2 to 40 lower-case letters, digits, and underscores. It must start with "
            "a letter."
        )
    folder = parent / f"cobalt-{key}"
    if folder.exists():
        raise CannotCreate(f"{folder} exists already. Choose another name, or remove the folder.")
    words = key.split("_")
    values = {
        "key": key,
        "title": " ".join(word.capitalize() for word in words),
        "class_name": "".join(word.capitalize() for word in words),
        "mark": "".join(word[0] for word in words if word)[:MARK_MOST].upper(),
    }
    for source, target in FILES.items():
        text = Template((TEMPLATES / kind / f"{source}.txt").read_text("utf-8")).substitute(values)
        file = folder / target.format(key=key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder
