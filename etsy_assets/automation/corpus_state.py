"""How far the encoders have come with the batches and segments, and how much of it the published corpus covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from etsy_assets.automation.decisions import newest_joining
from etsy_assets.automation.instance_state import covered_event, covered_events, materialized_in_all, newest_events
from etsy_assets.search.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Channel:
    """One index of a segment and what it is built from. name: the encoder, or text_<encoder>."""

    name: str
    embeddings: dg.AssetKey
    index: dg.AssetKey


@dataclass(frozen=True, slots=True)
class CorpusState:
    """All by storage id, of those channels only that the corpus must have.

    reads: for each asset of a segment what it reads and has read: the event of each wholly embedded batch, and for each
    segment the event up to which it has surely read. indexed: the newest event of an index of a segment that has all.
    joining: that of an index that the snapshot lacks and that is complete. published: the event up to which the
    snapshot has read.
    """

    reads: Sequence[tuple[Mapping[str, int], Mapping[str, int]]]
    indexed: int
    joining: int
    published: int

    @property
    def newest_index(self) -> int:
        return max(self.indexed, self.joining)


def read_corpus_state(
    instance: dg.DagsterInstance,
    rows_key: dg.AssetKey,
    channels: Sequence[Channel],
    snapshot_key: dg.AssetKey,
    snapshot: Snapshot | None,
) -> CorpusState:
    """A channel that the snapshot lacks is being added, batch after batch: it makes no segment stale or incomplete."""
    required = required_channels(channels, snapshot)
    batches = materialized_in_all(instance, [channel.embeddings for channel in required])
    indexes = [rows_key, *(channel.index for channel in required)]
    waiting = {channel.name: newest_events(instance, channel.index) for channel in channels if channel not in required}
    return CorpusState(
        reads=[
            # Rows take a batch in once every channel has it. An encoder that was added later has no part in the rows
            # that were there before it, and so must not make all of them stale on the day it joins.
            ({batch: min(ids) for batch, ids in batches.items()}, covered_events(instance, rows_key)),
            *(
                ({batch: ids[place] for batch, ids in batches.items()}, covered_events(instance, channel.index))
                for place, channel in enumerate(required)
            ),
        ],
        indexed=max((max(ids) for ids in materialized_in_all(instance, indexes).values()), default=0),
        joining=newest_joining(snapshot.segment_versions, waiting) if snapshot else 0,
        published=covered_event(instance, snapshot_key),
    )


def required_channels(channels: Sequence[Channel], snapshot: Snapshot | None) -> list[Channel]:
    """Those that the snapshot has; all before the first one, and when it has none of them."""
    published = {*snapshot.encoders, *(f"text_{name}" for name in snapshot.text_encoders)} if snapshot else set()
    return [channel for channel in channels if channel.name in published] or list(channels)
