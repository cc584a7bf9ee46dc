"""The database: the connection pool, transactions, grouped writes, signals, migrations, and the embedded server."""
