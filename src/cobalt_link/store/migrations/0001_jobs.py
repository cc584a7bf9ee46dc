"""The tables and functions of the job queue, as the locked version of procrastinate contains them.

The migrations of a newer procrastinate become a numbered file here, and this file then keeps the old text.
"""

from procrastinate.schema import SchemaManager


def sql() -> str:
    return SchemaManager.get_schema()
