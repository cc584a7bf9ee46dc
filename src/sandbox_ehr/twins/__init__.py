"""Vendor twins: how the servers of EHR vendors differ from this EHR's own, one file of data per vendor."""

from sandbox_ehr.twins.twin import NAMES, PLAIN, Paging, Resource, Tokens, Twin, Writes, load

__all__ = ["NAMES", "PLAIN", "Paging", "Resource", "Tokens", "Twin", "Writes", "load"]
