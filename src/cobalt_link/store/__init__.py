"""The database: one pool, transactions, grouped writes, signals, migrations, and the embedded server."""
