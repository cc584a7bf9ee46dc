"""The conformance check of connectors: it reads a connector's folder, and runs its sign-in against an EHR.

Start with `check_connectors`. docs/how-to/write-a-connector.md lists what the check asks of a folder, and why.
Only the command line and tests import this room. The server runs without it.
"""

from cobalt_link.conformance.check import check, check_connectors

__all__ = ["check", "check_connectors"]
