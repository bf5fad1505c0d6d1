"""What to run next, as pure functions of what is there: every rule over many made-up states."""

from hypothesis import given
from hypothesis import strategies as st

from etsy_assets.automation.decisions import (
    BatchRuns,
    Debounce,
    batches_to_repair,
    batches_to_request,
    newest_joining,
    publishing_step,
    segment_batches,
    segment_of,
    segments_to_compact,
    segments_to_index,
    settled,
    snapshot_is_behind,
    unpublished,
    with_batches,
)
from etsy_assets.catalog.batches import batch_key

KEYS = st.sets(st.integers(0, 400).map(batch_key), max_size=30)
PER_SEGMENT = st.integers(1, 60)


def test_a_segment_holds_consecutive_batches_and_is_named_by_its_number() -> None:
    assert [segment_of(number, 2) for number in range(5)] == [
        "segment-0000",
        "segment-0000",
        "segment-0001",
        "segment-0001",
        "segment-0002",
    ]


@given(KEYS, KEYS, PER_SEGMENT)
def test_the_segment_of_a_batch_does_not_depend_on_what_else_there_is(
    some: set[str], more: set[str], size: int
) -> None:
    def segments(keys: set[str]) -> dict[str, str]:
        names = {segment_of(number, size) for number in range(401)}
        return {batch: name for name in names for batch in segment_batches(name, keys, size)}

    before, after = segments(some), segments(some | more)
    assert set(before) == some
    assert {batch: after[batch] for batch in some} == before


@given(KEYS, PER_SEGMENT)
def test_no_segment_has_more_batches_than_its_size_and_each_is_in_order(keys: set[str], size: int) -> None:
    for name in {segment_of(number, size) for number in range(401)}:
        batches = segment_batches(name, keys, size)
        assert len(batches) <= size
        assert batches == sorted(batches)


@given(KEYS, KEYS, KEYS, st.integers(1, 10))
def test_the_oldest_batches_without_a_run_are_requested_first(
    sealed: set[str], materialized: set[str], with_runs: set[str], limit: int
) -> None:
    chosen = batches_to_request(sealed, materialized, with_runs, limit)
    waiting = sealed - materialized - with_runs
    assert chosen == sorted(waiting)[:limit]


@given(KEYS, KEYS, st.integers(1, 10))
def test_batches_that_fail_every_time_starve_none_of_the_others(
    sealed: set[str], failing: set[str], limit: int
) -> None:
    with_runs: set[str] = set()
    for _ in range(-(-len(sealed) // limit)):
        with_runs |= set(batches_to_request(sealed, (), with_runs, limit))
    assert with_runs == sealed


@given(st.integers(1, 5), st.lists(st.sampled_from(["tick", "fail", "succeed"]), max_size=40))
def test_a_batch_is_repaired_only_between_runs_and_only_so_often(tries: int, moves: list[str]) -> None:
    started, failures, in_flight, last_failed, done = 1, 0, True, False, False
    for move in moves:
        if move == "tick":
            runs = {"batch-000000": BatchRuns(failures, in_flight, last_failed)}
            request = batches_to_repair(runs, {"batch-000000"} if done else (), tries)
            if request:
                assert not in_flight
                assert not done
                assert request == {"batch-000000": failures + 1}
                started, in_flight = started + 1, True
            elif not in_flight and not done:
                assert failures == tries
        elif in_flight:
            in_flight, last_failed, done = False, move == "fail", move == "succeed"
            failures += last_failed
    assert started <= tries


def test_repairs_are_requested_oldest_first_with_the_number_of_the_try() -> None:
    failed = BatchRuns(failures=1, in_flight=False, last_failed=True)
    runs = {
        "batch-000003": failed,
        "batch-000001": BatchRuns(failures=2, in_flight=False, last_failed=True),
        "batch-000002": BatchRuns(failures=1, in_flight=True, last_failed=False),
        "batch-000004": BatchRuns(failures=1, in_flight=False, last_failed=False),
        "batch-000005": BatchRuns(failures=3, in_flight=False, last_failed=True),
        "batch-000006": failed,
    }
    assert list(batches_to_repair(runs, {"batch-000006"}, tries=3).items()) == [
        ("batch-000001", 3),
        ("batch-000003", 2),
    ]


def test_only_segments_with_newer_embeddings_are_indexed_again() -> None:
    embedded = {"batch-000000": 10, "batch-000001": 30, "batch-000002": 20, "batch-000004": 5}
    covered = {"segment-0000": 29, "segment-0001": 21}
    up_to_date = {"segment-0000": 31, "segment-0001": 21, "segment-0002": 6}
    assert segments_to_index([(embedded, covered)], 2) == {"segment-0000": 30, "segment-0002": 5}
    assert segments_to_index([(embedded, up_to_date)], 2) == {}


def test_one_asset_that_is_behind_makes_its_segment_stale() -> None:
    first = ({"batch-000000": 10, "batch-000002": 11}, {"segment-0000": 15, "segment-0001": 15})
    second = ({"batch-000000": 20, "batch-000002": 21}, {"segment-0000": 25, "segment-0001": 15})
    assert segments_to_index([first, second], 2) == {"segment-0001": 21}


def test_a_segment_is_compacted_past_a_share_of_dead_rows() -> None:
    shares = {"segment-0000": 0.2, "segment-0001": 0.21, "segment-0002": 0.0, "segment-0003": 1.0}
    assert segments_to_compact(shares, 0.2) == ["segment-0001", "segment-0003"]
    assert segments_to_compact(shares, 1) == []
    assert segments_to_compact({}, 0) == []


def test_a_new_index_joins_once_it_covers_every_published_segment() -> None:
    published = ["segment-0000", "segment-0001"]
    partly, wholly = {"segment-0000": 9}, {"segment-0000": 5, "segment-0001": 7, "segment-0002": 6}
    assert newest_joining(published, {"new": partly}) == 0
    assert newest_joining(published, {"new": partly, "newer": wholly}) == 7
    assert newest_joining([], {"new": {}}) == 0


def test_a_segment_is_left_out_when_all_its_batches_are_retired() -> None:
    segments = ["segment-0000", "segment-0001", "segment-0002"]
    assert with_batches(segments, ["batch-000001", "batch-000004"], 2) == ["segment-0000", "segment-0002"]


def test_what_waits_to_be_published_has_another_name_with_every_newer_event_and_tombstone() -> None:
    waiting = [
        unpublished({}, None),
        unpublished({"segment-0000": 3}, None),
        unpublished({"segment-0000": 3, "segment-0001": 5}, None),
        unpublished({"segment-0000": 3}, "1 listings gone"),
        unpublished({}, "1 listings gone"),
        unpublished({}, ""),
    ]
    assert len(set(waiting)) == len(waiting)
    assert [bool(name) for name in waiting] == [False, True, True, True, True, True]


@given(
    st.lists(st.tuples(st.floats(0.1, 30), st.booleans()), min_size=1, max_size=60),
    st.floats(1, 20),
    st.floats(20, 100),
)
def test_the_debounce_waits_for_quiet_but_never_longer_than_longest(
    ticks: list[tuple[float, bool]], quiet: float, longest: float
) -> None:
    """ticks: seconds since the tick before, and whether something new was embedded meanwhile."""
    memory, now, event, since = Debounce(), 0.0, 1, None
    last_event_seen = 0.0
    for gap, new in ticks:
        now += gap
        if new or since is None:
            event, last_event_seen = event + 1, now
            since = now if since is None else since
        ready, memory = settled(memory, str(event), now, quiet, longest)
        waited = now - since
        assert ready == (now - last_event_seen >= quiet or waited >= longest)
        if ready:
            since = None


def test_ten_batches_in_a_row_cost_one_publish() -> None:
    memory, published = Debounce(), 0
    for second in range(0, 300, 15):
        event = min(second // 15, 10) + 1
        ready, memory = settled(memory, str(event) if not published else "", second, quiet=20, longest=3600)
        published += ready
    assert published == 1


def test_nothing_waits_while_there_is_nothing_new() -> None:
    ready, memory = settled(Debounce(event="5", seen_at=1.0, waiting_since=1.0), "", 1e9, quiet=1, longest=1)
    assert (ready, memory) == (False, Debounce())


class Publisher:
    """A made-up deployment of two segments, as the sensor sees it: events have numbers, runs read once and end later.

    embedded, read, published: what was embedded last in each batch, what the indexes hold, what a search finds.
    """

    def __init__(self) -> None:
        self.clock = 0
        self.embedded: dict[str, int] = {}
        self.covered: dict[str, int] = {}
        self.indexed: dict[str, int] = {}
        self.read: dict[str, int] = {}
        self.published: dict[str, int] = {}
        self.snapshot_covered = 0
        self.snapshots = 0
        self.runs: dict[str, int] = {}
        self.has_read: dict[str, dict[str, int]] = {}

    def event(self) -> int:
        self.clock += 1
        return self.clock

    def embed(self, batch: int) -> None:
        self.embedded[batch_key(batch)] = self.event()

    def tick(self) -> bool:
        """Returns whether anything was requested."""
        step = publishing_step(
            segments_to_index([(self.embedded, self.covered)], 2),
            set(self.runs) - {"snapshot"},
            snapshot_is_behind(max(self.indexed.values(), default=0), self.snapshot_covered),
            "snapshot" in self.runs,
            limit=50,
        )
        requested = [*step.segments, *(["snapshot"] if step.snapshot else [])]
        for name in requested:
            self.runs[name] = self.event()
        return bool(requested)

    def start(self, name: str) -> None:
        if name in self.runs and name not in self.has_read:
            source = self.read if name == "snapshot" else self.embedded
            self.has_read[name] = dict(source)

    def end(self, name: str, success: bool) -> None:
        if name not in self.runs:
            return
        self.start(name)
        planned, found = self.runs.pop(name), self.has_read.pop(name)
        if not success:
            return
        if name == "snapshot":
            self.published, self.snapshot_covered = found, planned
            self.snapshots += 1
        else:
            self.read |= {batch: event for batch, event in found.items() if segment_of(int(batch[6:]), 2) == name}
            self.covered[name], self.indexed[name] = planned, self.event()


RUNS = st.sampled_from(["segment-0000", "segment-0001", "snapshot"])
MOVES = st.one_of(
    st.tuples(st.just("embed"), st.integers(0, 3)),
    st.tuples(st.just("tick"), st.none()),
    st.tuples(st.just("start"), RUNS),
    st.tuples(st.sampled_from(["end", "fail"]), RUNS),
)


@given(st.lists(MOVES, max_size=80))
def test_whatever_happens_when_everything_embedded_is_published_in_the_end(
    moves: list[tuple[str, int | str | None]],
) -> None:
    """Missed ticks, failed runs and batches embedded in the midst of an index run included."""
    world = Publisher()
    for move, what in moves:
        match move:
            case "embed":
                world.embed(what)
            case "tick":
                world.tick()
            case "start":
                world.start(what)
            case _:
                world.end(what, success=move == "end")
    for _ in range(6):
        world.tick()
        for name in list(world.runs):
            world.end(name, success=True)
    assert world.published == world.embedded
    assert not world.tick()


def test_a_stream_of_new_embeddings_that_never_ends_is_published_nevertheless() -> None:
    world = Publisher()
    for turn in range(40):
        world.embed(turn % 4)
        world.tick()
        if turn % 2:
            for name in list(world.runs):
                world.end(name, success=True)
    assert world.snapshots >= 8


def test_one_snapshot_serves_all_segments_that_were_indexed_together() -> None:
    assert publishing_step({"a", "b"}, {"c"}, behind=False, publishing=False, limit=1).segments == ("a",)
    assert publishing_step({"a"}, {"c"}, behind=True, publishing=False, limit=1).segments == ()
    assert not publishing_step({"a"}, {"c"}, behind=True, publishing=False, limit=1).snapshot
    assert publishing_step({"a"}, (), behind=True, publishing=False, limit=1).snapshot
    assert not publishing_step({"a"}, (), behind=True, publishing=True, limit=1).snapshot
