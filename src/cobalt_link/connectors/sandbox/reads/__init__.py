"""What the sandbox EHR's chart says, as unified records: one class for each part of the chart."""
