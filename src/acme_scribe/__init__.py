"""Acme Scribe: an example app that links an EHR account through Link and shows the linked schedule.

It uses only the public API of Cobalt Link. The whole integration is in `server.py`; read it from the top.
"""

from acme_scribe.server import create_app

__all__ = ["create_app"]
