"""Whether the files of a corpus are those that were built, without reading all of them at every publish.

What is new is read before it is published, and refused when it is damaged. What was published before is looked at, and
some of it is read again, another part each time: damage there is reported, and holds up nobody.
"""

from collections.abc import Collection
from dataclasses import dataclass

from etsy_assets.errors import CorruptArtifact
from etsy_assets.search.segments import Segment
from etsy_assets.storage import Home


def refuse_damage(home: Home, segments: Collection[Segment], published: Collection[Segment]) -> None:
    """Raises CorruptArtifact for the first file of `segments` that is damaged and not in a published segment too."""
    known = {file for segment in published for file in segment.key}
    for segment in segments:
        if not known.issuperset(segment.key):
            for problem in (*segment.uneven(), *segment.problems(home, known=known)):
                raise CorruptArtifact(problem)


@dataclass(frozen=True, slots=True)
class Soundness:
    """problems: one sentence for each file that is missing or damaged. read: segments whose bytes were all compared.

    unsound: the segments that the problems are in.
    """

    problems: tuple[str, ...]
    read: tuple[str, ...]
    unsound: frozenset[str]


def check_files(home: Home, segments: Collection[Segment], read: Collection[str]) -> Soundness:
    """Looks at presence and size of every file, and compares the checksums of the segments named in `read`."""
    problems: list[str] = []
    unsound: set[str] = set()
    for segment in segments:
        found = [*segment.problems(home, checksum=segment.name in read), *segment.uneven()]
        problems += found
        unsound |= {segment.name} if found else set()
    return Soundness(tuple(problems), tuple(sorted(read)), frozenset(unsound))


def new_segments(segments: Collection[Segment], published: Collection[Segment]) -> list[str]:
    """Those whose rows and indexes are not all in the published segments."""
    known = {segment.built_key for segment in published}
    return [segment.name for segment in segments if segment.built_key not in known]


def in_turn(names: Collection[str], count: int, turn: int) -> list[str]:
    """`count` of the names, beginning with number `turn` and going round: as turns go by, each comes up."""
    ordered = sorted(names)
    return [ordered[(turn + number) % len(ordered)] for number in range(min(count, len(ordered)))]
