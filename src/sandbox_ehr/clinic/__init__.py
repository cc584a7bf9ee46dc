"""The made-up practice: its clinics, staff, patients and visits, and the tables that hold the chart."""
