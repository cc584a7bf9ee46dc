"""The JSON API: signing in and reading the chart."""
