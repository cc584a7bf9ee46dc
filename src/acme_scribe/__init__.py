"""Acme Scribe: an example app that links an EHR account through Link and shows the linked schedule.

It knows nothing of Cobalt Link but its public API. Read `server.py` from the top: it is the whole integration.
"""

from acme_scribe.server import create_app

__all__ = ["create_app"]
