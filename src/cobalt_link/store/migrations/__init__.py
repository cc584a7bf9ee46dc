"""The numbered steps of the schema, `NNNN_name.sql` or `NNNN_name.py` with `sql() -> str`; final once released."""
