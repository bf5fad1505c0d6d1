"""The ways in which the platform's data is cut up."""

from collections.abc import Sequence

import dagster as dg

crawl_slices = dg.DynamicPartitionsDefinition(name="crawl_slice")
listing_batches = dg.DynamicPartitionsDefinition(name="listing_batch")
index_segments = dg.DynamicPartitionsDefinition(name="index_segment")

# A backfill makes one run of so many batches, or slices: enough that starting a process and loading models hardly
# count, few enough that two runs take turns (one downloads while another infers) and that a failed one costs little.
BATCHES_IN_A_RUN = 10


def backfilled_by_ranges(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets of a batch or a slice. Dagster puts assets into one run of a backfill only if they have one policy."""
    policy = dg.BackfillPolicy.multi_run(max_partitions_per_run=BATCHES_IN_A_RUN)
    return [asset.with_attributes(backfill_policy=policy) for asset in assets]
