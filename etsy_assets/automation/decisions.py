"""What to run next, decided from what should exist, what does, and what is in flight. Pure functions."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

SEGMENT_DIGITS = 4
REQUESTS_A_TICK = 50
TRIES = 3


def segment_of(batch_number: int, batches_per_segment: int) -> str:
    """The segment that a batch belongs to, for ever."""
    return f"segment-{batch_number // batches_per_segment:0{SEGMENT_DIGITS}d}"


def segment_batches(segment: str, batches: Collection[str], batches_per_segment: int) -> list[str]:
    """The batch keys (batch-000042) that a segment holds, in order."""
    return sorted(key for key in batches if segment_of(key_number(key), batches_per_segment) == segment)


def with_batches(segments: Collection[str], batches: Collection[str], batches_per_segment: int) -> list[str]:
    """Those segments that hold one of the batches: once all of its batches are retired, a segment is left out."""
    held = {segment_of(key_number(key), batches_per_segment) for key in batches}
    return sorted(held & set(segments))


def key_number(key: str) -> int:
    """42 from batch-000042."""
    return int(key.rpartition("-")[2])


def batches_to_request(
    sealed: Collection[str], materialized: Collection[str], with_runs: Collection[str], limit: int
) -> list[str]:
    """Batches to run now: sealed, not materialized, and never run as a whole yet.

    Oldest first, so that a failing batch can't starve the ones before it. What has a run is that run's business, or
    repair_sensor's.
    """
    return sorted(set(sealed) - set(materialized) - set(with_runs))[:limit]


@dataclass(frozen=True, slots=True)
class BatchRuns:
    """The ingest runs of a batch so far. One that a person canceled has not failed: it is left to that person."""

    failures: int
    in_flight: bool
    last_failed: bool


def batches_to_repair(runs: Mapping[str, BatchRuns], materialized: Collection[str], tries: int) -> dict[str, int]:
    """Batches whose last run failed, each with the number of its next try; one that has had `tries` is left."""
    return {
        batch: state.failures + 1
        for batch, state in sorted(runs.items())
        if batch not in materialized and state.last_failed and not state.in_flight and state.failures < tries
    }


def segments_to_index(
    reads: Iterable[tuple[Mapping[str, int], Mapping[str, int]]], batches_per_segment: int
) -> dict[str, int]:
    """Segments with a batch that was embedded later than what one of its assets covers, each with its newest event.

    reads: see CorpusState.
    """
    stale: dict[str, int] = {}
    for embedded, covered in reads:
        for segment, event in behind_their_batches(embedded, covered, batches_per_segment).items():
            stale[segment] = max(stale.get(segment, 0), event)
    return dict(sorted(stale.items()))


def behind_their_batches(
    embedded: Mapping[str, int], covered: Mapping[str, int], batches_per_segment: int
) -> dict[str, int]:
    """Of one asset: the segments with a batch that was embedded later than it covers, each with its newest event.

    embedded: for each wholly embedded batch the storage id of its event. covered: for each segment that has the asset
    the storage id up to which it has surely read.
    """
    newest: dict[str, int] = {}
    for batch, event in embedded.items():
        segment = segment_of(key_number(batch), batches_per_segment)
        newest[segment] = max(newest.get(segment, 0), event)
    return {segment: event for segment, event in sorted(newest.items()) if event > covered.get(segment, 0)}


def snapshot_is_behind(indexed: int, covered: int) -> bool:
    """Whether the newest index is later than what the snapshot covers; both by storage id, 0 = never."""
    return indexed > covered


def segments_to_compact(dead_shares: Mapping[str, float], largest: float) -> list[str]:
    """Segments of which more than `largest` (0 to 1) is dead: searching round so many rows costs more than building."""
    return sorted(segment for segment, share in dead_shares.items() if share > largest)


def newest_joining(published: Collection[str], waiting: Mapping[str, Mapping[str, int]]) -> int:
    """The newest event of an index that is not in the snapshot and covers all of its segments; 0 = there is none.

    published: the snapshot's segments. waiting: for each such index the newest event of each of its segments.
    """
    covering = [events for events in waiting.values() if events and set(published) <= set(events)]
    return max((event for events in covering for event in events.values()), default=0)


@dataclass(frozen=True, slots=True)
class Publishing:
    """What to run now: indexes of these segments, or a snapshot, or (neither) nothing."""

    segments: tuple[str, ...] = ()
    snapshot: bool = False


def publishing_step(
    stale: Collection[str], indexing: Collection[str], behind: bool, publishing: bool, limit: int
) -> Publishing:
    """Turn and turn about: what is indexed is published before anything more is indexed.

    One snapshot serves all segments that were indexed together. In any other order a steady stream of new embeddings
    would keep indexing busy, and nothing would ever be published.
    """
    if behind:
        return Publishing(snapshot=not indexing and not publishing)
    return Publishing(tuple(sorted(set(stale) - set(indexing))[:limit]))


def unpublished(stale: Mapping[str, int], tombstones: str | None) -> str:
    """Names what waits to be published: another name with each newer embedding or tombstone, "" when nothing waits.

    stale: as segments_to_index gives them. tombstones: the catalog's mark, None when the snapshot has that one.
    """
    embedded = [f"event {max(stale.values())}"] if stale else []
    return ", ".join([*embedded, *([f"tombstones: {tombstones}"] if tombstones is not None else [])])


@dataclass(frozen=True, slots=True)
class Debounce:
    """What a publishing sensor remembers from tick to tick: the newest event it saw, and since when (epoch seconds)."""

    event: str = ""
    seen_at: float = 0.0
    waiting_since: float = 0.0


def settled(memory: Debounce, event: str, now: float, quiet: float, longest: float) -> tuple[bool, Debounce]:
    """Whether to publish now, and what to remember. event: a name of the newest that is not published, "" for none.

    New events put it off for `quiet` seconds, so that ten batches in a row cost one publish; but never for longer than
    `longest`, so that a steady stream can't put it off for ever.
    """
    if not event:
        return False, Debounce()
    if event != memory.event:
        waiting_since = memory.waiting_since or now
        memory = Debounce(event, now, waiting_since)
    ready = now - memory.seen_at >= quiet or now - memory.waiting_since >= longest
    return ready, Debounce(event, memory.seen_at, 0.0) if ready else memory
