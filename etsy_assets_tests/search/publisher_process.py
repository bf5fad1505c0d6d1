"""Publishes one new batch after another in a segment of its own, each when it is told to.

    python -m etsy_assets_tests.search.publisher_process HOME SEGMENT FIRST

FIRST: the number of its first image. Reads a line for each batch to be built, and answers "built"; then one for it to
be published, and answers with the version of the snapshot.
"""

import sys
from pathlib import Path

from etsy_assets.search.publication import publishable_segments
from etsy_assets.search.snapshots import Snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_vectors import ENCODERS, TEXT_ENCODER, batch_key, build_segment, store_batch

IMAGES_IN_A_BATCH = 10


def new_batch(first: int, number: int) -> tuple[str, range]:
    """Its key, and the numbers of its images."""
    start = first + number * IMAGES_IN_A_BATCH
    return batch_key(start), range(start, start + IMAGES_IN_A_BATCH)


def publish_what_is_whole(home: Home) -> Snapshot:
    """What a run of the sensor does: it publishes the newest of every segment that is wholly indexed."""
    segments = [path.name for path in home.segments.iterdir()]
    chosen, _ = publishable_segments(home, segments, list(ENCODERS), [TEXT_ENCODER.name])
    return publish(home, chosen, encoders=list(ENCODERS), text_encoders=[TEXT_ENCODER.name])


def answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(home: Home, segment: str, first: int) -> None:
    batches: dict[str, range] = {}
    for _ in sys.stdin:
        key, numbers = new_batch(first, len(batches))
        store_batch(home, key, numbers)
        batches[key] = numbers
        build_segment(home, segment, batches)
        answer("built")
        sys.stdin.readline()
        answer(publish_what_is_whole(home).version)


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
