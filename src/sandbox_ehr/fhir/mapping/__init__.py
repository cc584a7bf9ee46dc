"""Rows of the chart as FHIR resources, and FHIR resources as what the chart takes."""
