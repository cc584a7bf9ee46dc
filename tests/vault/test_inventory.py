"""Which code may touch which primitives (S-057)."""

import ast
import re
from pathlib import Path

import cobalt_link

SOURCE = Path(cobalt_link.__file__).parent
PRIMITIVES = {"cryptography", "nacl", "Crypto", "Cryptodome", "OpenSSL"}
INVENTORY = Path(__file__).parents[2] / "docs" / "why" / "vault.md"


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_only_the_vault_imports_cryptography() -> None:
    importers = {path.relative_to(SOURCE).parts[0] for path in SOURCE.rglob("*.py") if imported(path) & PRIMITIVES}
    assert importers == {"vault"}


def test_no_weak_primitive_is_named_in_the_vault() -> None:
    weak = re.compile(r"\b(MD5|SHA1|DES|TripleDES|ARC4|RC4|Blowfish|CBC|PKCS1v15|md5|sha1)\b")
    found = {path.name: weak.findall(path.read_text()) for path in (SOURCE / "vault").glob("*.py")}
    assert found
    assert not any(found.values())


def test_the_inventory_names_every_primitive_that_the_vault_imports() -> None:
    used = set()
    for path in (SOURCE / "vault").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cryptography.hazmat"):
                used |= {alias.name for alias in node.names}
    text = INVENTORY.read_text()
    assert {name for name in used if f"`{name}`" not in text} == set()
    assert "AESGCM" in used
