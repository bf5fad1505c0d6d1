"""Listing images: downloading, validating, keeping them in batch archives, removing their background. No Dagster."""
