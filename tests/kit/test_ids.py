"""Ids are the contract's 32 hex digits, and their short form can be read aloud."""

import re
import uuid

from cobalt_link.kit.ids import new_id, reference
from tests.support.proof import NEW_IDS, SHORT_REFERENCES


def test_ids_are_uuids_without_hyphens_and_never_repeat() -> None:
    ids = [new_id() for _ in range(NEW_IDS.times)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{32}", id) and uuid.UUID(id).version == 4 for id in ids[:100])  # noqa: A001


def test_a_reference_is_short_stable_and_free_of_letters_that_are_misread() -> None:
    ids = [new_id() for _ in range(SHORT_REFERENCES.times)]
    references = [reference(id) for id in ids]  # noqa: A001
    assert references == [reference(id) for id in ids]  # noqa: A001
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", text) for text in references)
    assert len(set(references)) == len(ids)
    assert {letter for text in references for letter in text} == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-")
