"""Writes, as FHIR R4 resources."""
