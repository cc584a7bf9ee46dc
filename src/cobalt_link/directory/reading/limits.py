"""The limits of an imported list, and what is raised beyond them."""

from __future__ import annotations

MOST_BYTES = 2 * 2**30  # unpacked
MOST_RATIO = 200  # unpacked bytes for each byte of a packed file. Real lists reach 30.
FREE_BYTES = 64 * 2**20  # from here on the ratio counts
MOST_ENTRIES = 2_000_000
MOST_VALUE = 2 * 2**20  # characters of one JSON value
MOST_LINE = 64 * 2**10  # characters of one line


class ListUnreadable(Exception):
    """A list cannot be imported at all. The text says why, and what to do."""
