"""FHIR R4 (4.0.1) over the chart: the same data as the portal and the JSON API, for apps with a SMART token."""
