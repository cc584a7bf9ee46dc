"""Real EHRs, installed and started by the tests themselves."""
