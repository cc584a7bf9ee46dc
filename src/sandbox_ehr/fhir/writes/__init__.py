"""What an app may write, and how it gets into the chart."""
