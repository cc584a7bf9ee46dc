"""The migrations: `NNNN_name.sql`, or `NNNN_name.py` with `sql() -> str`. A released one never changes."""
