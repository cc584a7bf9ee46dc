"""Sandbox EHR: a small but real EHR with made-up patients, a JSON API and a login of its own.

A separate program: it knows nothing of Cobalt Link, and Cobalt Link knows it only by its wire protocol.
"""

from sandbox_ehr.app import create_app
from sandbox_ehr.server import serve

__all__ = ["create_app", "serve"]
