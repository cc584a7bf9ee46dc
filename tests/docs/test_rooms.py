"""docs/develop shows the rooms of the import contract: a picture, a sentence for each, and the room of each word."""

import re

from tests.docs import rooms
from tests.docs.samples import DOCS

CONTRACT = {"containers": ["cobalt_link"], "layers": ["__main__", "cli", "(app) | (nowhere)", "link : records"]}
PICTURE = """\
`cobalt_link`

```mermaid
flowchart TB
    subgraph layer0[" "]
        direction LR
        room_link["link"]
        room_records["records"]
    end
    subgraph layer1[" "]
        direction LR
        room_kit["kit"]
    end
    layer0 --> layer1
```
"""
TERMS = re.compile(r"^\| (?P<term>[^|]+?) \| (?P<meaning>[^|]+?) \| `(?P<room>[^|]+?)` \|$", re.M)
MOST_TERMS = 40


def test_layers_are_read_from_a_contract() -> None:
    assert rooms.layers(CONTRACT) == [["cli"], ["app"], ["link", "records"]]


def test_a_picture_has_a_box_for_each_layer() -> None:
    assert rooms.picture("cobalt_link", [["link", "records"], ["kit"]]) == PICTURE


def test_every_room_has_its_sentence() -> None:
    named = set(re.findall(r"^\| `([a-z_/]+)` \| [A-Z]", rooms.PAGE.read_text(), re.M))
    # Rooms inside another are told as soon as they are folders, whether a contract orders them or not.
    inside = {name for name in named if "/" in name}
    assert named - inside == {room for room in rooms.rooms() if "/" not in room}
    assert inside >= {room for room in rooms.rooms() if "/" in room}


def test_the_glossary_is_short_and_names_rooms() -> None:
    terms = TERMS.findall((DOCS / "develop" / "glossary.md").read_text())
    names = [term for term, _, _ in terms]
    assert 20 < len(names) <= MOST_TERMS
    assert names == sorted(set(names), key=str.lower)
    assert not {room for _, _, room in terms} - rooms.rooms()
