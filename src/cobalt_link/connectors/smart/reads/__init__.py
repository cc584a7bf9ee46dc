"""Reads of FHIR R4 and US Core, mapped to the models of connectors."""
