"""A Dagster data platform that turns Etsy furniture listings into an ensemble image search."""
