"""Accounts, sessions, and the sign-in with its second steps."""
