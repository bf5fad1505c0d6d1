"""Publishers beside publishers, and searches beside both: nothing is lost for good, and no answer is a mixture."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from etsy_assets.search.corpus import Corpus
from etsy_assets.search.engine import SearchEngine
from etsy_assets.search.results import SearchResult
from etsy_assets.search.snapshots import (
    Snapshot,
    current_snapshot,
    make_current,
    publish,
    published_versions,
    read_snapshot,
)
from etsy_assets.storage import Home
from etsy_assets_tests.search.publisher_process import new_batch, publish_what_is_whole
from etsy_assets_tests.search.shop_of_vectors import (
    ENCODERS,
    OPEN,
    batch_key,
    build_segment,
    faults_of,
    image_of,
    number_of_image,
    search_for,
    store_batch,
    wrong_in,
)

ROUNDS, ROUNDS_OF_THE_SAME = 20, 8
FIRST_IMAGES = {"segment-0002": 8000, "segment-0003": 8500}


@contextmanager
def publisher(home: Home, segment: str) -> Iterator[Callable[[], str]]:
    """A process, and what makes it go on to its next step and returns its answer."""
    command = [sys.executable, "-m", "etsy_assets_tests.search.publisher_process"]
    arguments = [str(home.root), segment, str(FIRST_IMAGES[segment])]
    with subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def step() -> str:
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield step
        process.stdin.close()


def published_by_all(rounds: int) -> dict[str, range]:
    return dict(new_batch(first, number) for first in FIRST_IMAGES.values() for number in range(rounds))


def test_two_publishers_at_once_corrupt_nothing_and_one_more_publication_has_all(home: Home, vectors: Snapshot) -> None:
    stop, read, unreadable = threading.Event(), set(), []

    def read_on() -> None:
        while not stop.wait(0.002):
            try:
                read.add(current_snapshot(home).version)
            except Exception as error:
                unreadable.append(error)

    with ExitStack() as stack:
        steps = [stack.enter_context(publisher(home, segment)) for segment in FIRST_IMAGES]
        threads = stack.enter_context(ThreadPoolExecutor(len(steps) + 1))
        stack.callback(stop.set)
        threads.submit(read_on)
        for number in range(ROUNDS):
            assert list(threads.map(lambda step: step(), steps)) == ["built", "built"]
            versions = list(threads.map(lambda step: step(), steps))
            # Whoever was last, CURRENT is what one of them published; and the next tick publishes what it lacks.
            assert current_snapshot(home).version in versions
            last = publish_what_is_whole(home)
            assert last.batches == vectors.batches | set(published_by_all(number + 1))
            assert faults_of(home, sample=4) == []
    assert unreadable == []
    assert read <= set(published_versions(home))
    assert len(read) > 2
    images = {image_of(number) for numbers in published_by_all(ROUNDS).values() for number in numbers}
    assert images <= set(Corpus.open(home, last).image_ids.tolist())


def test_two_runs_that_build_and_publish_the_same_at_once_do_not_get_in_each_others_way(
    home: Home, vectors: Snapshot
) -> None:
    segment, first = next(iter(FIRST_IMAGES.items()))
    with ExitStack() as stack:
        steps = [stack.enter_context(publisher(home, segment)) for _ in range(2)]
        threads = stack.enter_context(ThreadPoolExecutor(len(steps)))
        for number in range(ROUNDS_OF_THE_SAME):
            assert list(threads.map(lambda step: step(), steps)) == ["built", "built"]
            versions = list(threads.map(lambda step: step(), steps))
            current = current_snapshot(home)
            assert current.version in versions
            assert current.batches == vectors.batches | {new_batch(first, done)[0] for done in range(number + 1)}
            assert {read_snapshot(home, version).content_hash for version in versions} == {current.content_hash}
    assert faults_of(home) == []


SNAPSHOTS = 20
IMAGES = 100
SEARCHERS = 4


@dataclass
class Answers:
    """What the searching threads were told. `wrong`: what no answer may say; `count`: by snapshot."""

    count: dict[str, int] = field(default_factory=dict)
    wrong: list[object] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, result: SearchResult, wrong: list[str]) -> None:
        with self.changed:
            self.count[result.snapshot] = self.count.get(result.snapshot, 0) + 1
            self.wrong += wrong
            self.changed.notify_all()

    def fail(self, error: Exception) -> None:
        with self.changed:
            self.wrong.append(error)
            self.changed.notify_all()

    def wait_for(self, snapshot: str, more: int) -> None:
        """Until there are so many more answers from a snapshot, or one that is wrong."""
        with self.changed:
            enough = self.count.get(snapshot, 0) + more
            assert self.changed.wait_for(lambda: self.wrong or self.count.get(snapshot, 0) >= enough, timeout=60)


@pytest.fixture
def disjoint(home: Home) -> list[tuple[dict[str, str], range]]:
    """Segment versions of corpora that have no image in common, and the numbers of their images. None is published.

    Images that follow each other in one corpus are far apart in the next, so a row number means another listing.
    """
    corpora = []
    for number in range(SNAPSHOTS):
        numbers = range(number * IMAGES, (number + 1) * IMAGES)
        key = batch_key(number)
        store_batch(home, key, numbers)
        version = build_segment(home, OPEN, {key: numbers})
        corpora.append(({OPEN: version}, numbers))
    return corpora


def test_no_answer_fails_or_mixes_snapshots_while_they_are_published_and_rolled_back(
    home: Home, disjoint: list[tuple[dict[str, str], range]]
) -> None:
    numbers_of: dict[str, range] = {}
    answers, stop = Answers(), threading.Event()
    engine = SearchEngine(home, ENCODERS.__getitem__)

    def go_on_searching(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            wanted = chance.choice(list(numbers_of.values()))
            number = chance.choice(wanted)
            try:
                result = search_for(engine, number, k=10)
                inside = numbers_of[result.snapshot]
                found = {number_of_image(match.image_id) for match in result.matches}
                wrong = wrong_in(result, number, first=number in inside)
                if len(result.matches) != 10 or result.corpus_images != IMAGES or not found <= set(inside):
                    wrong.append(f"{result.snapshot} answers {sorted(found)}, and holds {inside}")
                answers.add(result, wrong)
            except Exception as error:
                answers.fail(error)

    def change_to(snapshot: Snapshot, numbers: range) -> None:
        numbers_of[snapshot.version] = numbers
        assert engine.refresh().version == snapshot.version

    change_to(publish(home, disjoint[0][0]), disjoint[0][1])
    with ThreadPoolExecutor(SEARCHERS) as threads:
        for seed in range(SEARCHERS):
            threads.submit(go_on_searching, seed)
        try:
            for position, (versions, numbers) in enumerate(disjoint[1:]):
                snapshot = publish(home, versions)
                change_to(snapshot, numbers)
                answers.wait_for(snapshot.version, more=SEARCHERS)
                earlier = random.Random(position).choice(published_versions(home))
                make_current(home, earlier)
                change_to(current_snapshot(home), numbers_of[earlier])
                answers.wait_for(earlier, more=SEARCHERS)
        finally:
            stop.set()

    assert answers.wrong == []
    assert set(answers.count) == set(numbers_of)
    assert len(answers.count) == SNAPSHOTS
