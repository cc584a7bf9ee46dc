"""`python -m cobalt_link` is the command `cobalt`."""

from cobalt_link.cli.main import run

run()
