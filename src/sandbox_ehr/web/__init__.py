"""The pages for a person with a browser: signing in, the schedule, the patients."""
