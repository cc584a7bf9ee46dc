"""Fixtures that every room's tests may use. Fixtures of one room live in that room's own conftest."""

from tests.ehrs.gnuhealth import gnuhealth, gnuhealth_mfa, gnuhealth_two, start_gnuhealth

__all__ = ["gnuhealth", "gnuhealth_mfa", "gnuhealth_two", "start_gnuhealth"]
