"""Sandbox EHR: a small but real EHR with made-up patients, a JSON API and pages of its own.

It is a separate program. It knows nothing of Cobalt Link, and Cobalt Link talks to it only over HTTP.
"""

from sandbox_ehr.app import create_app
from sandbox_ehr.server import serve

__all__ = ["create_app", "serve"]
