"""Which files a publish reads: those that are new, and of the others each in its turn."""

from hypothesis import given
from hypothesis import strategies as st

from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.search.soundness import check_files, in_turn, new_segments
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_colours import build_segment, photo


@given(st.sets(st.text(min_size=1), min_size=1, max_size=12), st.integers(0, 5), st.integers(0, 1 << 48))
def test_every_name_comes_up_once_as_many_turns_have_gone_by_as_there_are_names(names, count, turn) -> None:
    turns = [in_turn(names, count, turn + number) for number in range(len(names))]

    assert all(len(set(chosen)) == len(chosen) == min(count, len(names)) for chosen in turns)
    assert {name for chosen in turns for name in chosen} == (names if count else set())


def test_of_no_segments_none_is_chosen() -> None:
    assert in_turn([], 3, turn=7) == []


def test_a_segment_is_new_when_its_rows_or_an_index_are(home: Home, published: Snapshot) -> None:
    assert new_segments(published.segments, ()) == ["segment-0000", "segment-0001"]
    assert new_segments(published.segments, published.segments) == []
    version = build_segment(home, "segment-0001", {"batch-000002": [photo(31, "red")]})
    newer = publish(home, {**published.segment_versions, "segment-0001": version})
    assert new_segments(newer.segments, published.segments) == ["segment-0001"]


def test_damage_that_leaves_the_size_alone_is_seen_where_bytes_are_read(home: Home, published: Snapshot) -> None:
    (path,) = home.segments.glob("segment-0001/*/fine.*.f16")
    path.write_bytes(path.read_bytes()[::-1])

    assert check_files(home, published.segments, ["segment-0000"]).problems == ()
    sound = check_files(home, published.segments, ["segment-0001"])
    assert [problem.startswith(f"{path} is damaged") for problem in sound.problems] == [True]
    assert (sound.unsound, sound.read) == ({"segment-0001"}, ("segment-0001",))
