"""The connector kit: one judge that proves what a connector's folder says of itself, by its tree and by telling it.

`check_connectors` is the way in; docs/how-to/write-a-connector.md tells what is asked of a folder, and why.
Only the command line and tests import this room: the server runs without it.
"""

from cobalt_link.conformance.check import check_connectors

__all__ = ["check_connectors"]
