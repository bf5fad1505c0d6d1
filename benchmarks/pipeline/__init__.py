"""What Dagster costs beside the work that it runs."""
