"""Registered apps, and what users let them do: pending requests, codes, grants and tokens."""
