"""What real FHIR servers return that a client must survive: each is a switch of the lab, or always on at a twin."""
