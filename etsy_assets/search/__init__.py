"""Segments, snapshots, fusion and the search engine: plain Python that knows neither Dagster nor the shop."""
