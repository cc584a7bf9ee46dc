"""The job queue's own tables and functions, as the locked version of procrastinate ships them.

A newer procrastinate brings its own steps: they become a numbered file here, and this one then keeps the old text.
"""

from procrastinate.schema import SchemaManager


def sql() -> str:
    return SchemaManager.get_schema()
