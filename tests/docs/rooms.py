"""The picture of the rooms in docs/develop/architecture.md, drawn from the layers that import-linter enforces."""

import re
import tomllib
from typing import Any

from tests.docs.samples import DOCS, ROOT

PAGE = DOCS / "develop" / "architecture.md"
PICTURE = re.compile(r"(?<=<!-- rooms: drawn by `make docs` -->\n).*?(?=<!-- end of the picture -->)", re.S)


def page() -> str:
    """The page with its picture drawn again."""
    pictures = [picture(each["containers"][0], layers(each)) for each in layered()]
    return PICTURE.sub(lambda _: "\n" + "\n".join(pictures) + "\n", PAGE.read_text())


def layered() -> list[dict[str, Any]]:
    """The contracts that order rooms, the one of the whole system first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [each for each in contracts if each["type"] == "layers" and each.get("containers")]


def layers(contract: dict[str, Any]) -> list[list[str]]:
    """The rooms of each layer that exist, from the top. An optional room, `(name)`, may not exist yet."""
    where = ROOT / "src" / contract["containers"][0].replace(".", "/")
    named = [[room.strip(" ()") for room in re.split(r"[|:]", layer)] for layer in contract["layers"]]
    found = [[room for room in layer if (where / room).is_dir() or (where / f"{room}.py").is_file()] for layer in named]
    return [layer for layer in found if layer and layer != ["__main__"]]


def rooms() -> set[str]:
    """Every room of `cobalt_link`: by its name, or as `room/inner` if it is inside another one."""
    found = set()
    for contract in layered():
        program, *inside = contract["containers"][0].split(".")
        if program == "cobalt_link":
            found |= {"/".join([*inside, room]) for layer in layers(contract) for room in layer}
    return found


def picture(container: str, ordered: list[list[str]]) -> str:
    """One container as a Mermaid flowchart: a box per layer, an arrow from each layer to the next."""
    lines = [f"`{container}`", "", "```mermaid", "flowchart TB"]
    for n, layer in enumerate(ordered):
        lines += [f'    subgraph layer{n}[" "]', "        direction LR"]
        lines += [f'        room_{room}["{room}"]' for room in layer] + ["    end"]
    lines += [f"    layer{n} --> layer{n + 1}" for n in range(len(ordered) - 1)]
    return "\n".join([*lines, "```", ""])
