"""How a snapshot is proven once it is published, by what is new in it and a part of the rest.

Reading all of it each time would make a publish cost more the larger the corpus is.
"""

from collections.abc import Collection
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.search.alignment import check_alignment, stored_cutout
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.snapshots import Published, Snapshot
from etsy_assets.search.soundness import Soundness, in_turn, new_segments
from etsy_assets.storage import Home

SOUND, ROWS_ARE_IMAGES = "every_file_is_sound", "rows_are_their_images"


class SnapshotConfig(dg.Config):
    """How thoroughly a snapshot is proven. What is new to the corpus is always read before it is published."""

    aligned_sample: int = Field(
        default=16, ge=0, le=10_000, description="Images that are embedded again, by every encoder, and compared."
    )
    checked_old_segments: int = Field(
        default=1,
        ge=0,
        le=10_000,
        description="Segments published before whose bytes are read again; others at each snapshot.",
    )
    verify_all: bool = Field(default=False, description="Read the bytes of all segments, and sample images of all.")


@dataclass(frozen=True, slots=True)
class SegmentsToProve:
    """new: segments whose bytes were read before they were published. again: older ones, to be read now."""

    new: tuple[str, ...]
    again: tuple[str, ...]

    @classmethod
    def of(cls, published: Published, config: SnapshotConfig) -> "SegmentsToProve":
        snapshot, previous = published.snapshot, published.previous
        new = new_segments(snapshot.segments, previous.segments if previous else ())
        old = [segment.name for segment in snapshot.segments if segment.name not in new]
        count = len(old) if config.verify_all else config.checked_old_segments
        return cls(tuple(new), tuple(in_turn(old, count, turn=int(snapshot.content_hash, 16))))


def soundness_result(published: Published, sound: Soundness) -> dg.AssetCheckResult:
    """What is damaged was published before: a damaged new file is never published."""
    problems = list(dict.fromkeys([*sound.problems, *published.unread]))
    return dg.AssetCheckResult(
        check_name=SOUND,
        passed=not problems,
        metadata={
            "segments": published.snapshot.counts.segments,
            "read_again": list(sound.read),
            "problems": problems[:20],
        },
    )


def sampled_corpus(home: Home, snapshot: Snapshot, segments: Collection[str]) -> Corpus:
    """Only these segments of the snapshot, opened to look at some of their rows. Their files must be sound."""
    chosen = tuple(segment for segment in snapshot.segments if segment.name in segments)
    return Corpus.open(home, snapshot.model_copy(update={"segments": chosen}), verify=False)


def alignment_result(
    home: Home, snapshot: Snapshot, corpus: Corpus, models: EncoderModels, sample: int
) -> dg.AssetCheckResult:
    """Embeds a sample of the stored cutouts again and compares."""
    embed = {name: models.load(name).embed_images for name in snapshot.encoders}
    lowest, wrong = check_alignment(corpus, embed, lambda row: stored_cutout(home, corpus, row), sample)
    return dg.AssetCheckResult(
        check_name=ROWS_ARE_IMAGES,
        passed=not wrong,
        metadata={
            "sample": sample,
            **{f"lowest_cosine_{name}": round(cosine, 5) for name, cosine in lowest.items()},
            "wrong_rows": [f"{bad.encoder}: row {bad.row} is not image {bad.image_id}" for bad in wrong[:20]],
        },
    )
