"""The two ways in which the platform's data is cut up."""

import dagster as dg

listing_batches = dg.DynamicPartitionsDefinition(name="listing_batch")
index_segments = dg.DynamicPartitionsDefinition(name="index_segment")
