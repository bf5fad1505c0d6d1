"""Which encoders cover a set of segments, with one row for each image and one model: only those can be searched."""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from etsy_assets.errors import ConfigurationError
from etsy_assets.search.manifests import IndexManifest, Manifest, index_asset
from etsy_assets.search.segments import Segment

log = logging.getLogger(__name__)


class EncoderInfo(Manifest):
    """What a query must be embedded with to be comparable with the corpus."""

    dimension: int
    fingerprint: str


def refuse_shared_batches(segments: Collection[Segment]) -> None:
    """Raises ConfigurationError when a batch stands in two segments."""
    owner: dict[str, str] = {}
    for segment in segments:
        for batch in segment.rows.batches:
            if owner.setdefault(batch, segment.name) != segment.name:
                raise ConfigurationError(
                    f"{batch} stands in {owner[batch]} and in {segment.name}: its listings would be found twice. "
                    "Materialize segment_rows for both again."
                )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The encoders that cover every segment with one model, and those that do not, each with the reason and remedy."""

    encoders: Mapping[str, EncoderInfo]
    left_out: Mapping[str, str]


def covering_encoders(
    built: Mapping[str, Mapping[str, IndexManifest]],
    prefix: str,
    names: Collection[str] | None,
    *,
    required: Collection[str] | None,
) -> Coverage:
    """The encoders that can be searched in every segment.

    built: {segment: {encoder: index}}. prefix: "text_" for text indexes. names: those wanted, None = all built.
    required: those that must not be left out, None = all that are wanted; ConfigurationError is raised for one that
    does not cover every segment. Another that does not is left out: it is still being added.
    """
    wanted = names if names is not None else {name for indexes in built.values() for name in indexes}
    covering: dict[str, EncoderInfo] = {}
    left_out: dict[str, str] = {}
    for name in sorted(wanted):
        problems = list(_gaps(built, prefix + name, name))
        if not problems:
            index = next(iter(built.values()))[name]
            covering[name] = EncoderInfo(dimension=index.dimension, fingerprint=index.fingerprint)
        elif required is None or name in required:
            raise ConfigurationError(problems[0])
        else:
            log.warning("%s is left out of the snapshot. %s", prefix + name, problems[0])
            left_out[prefix + name] = problems[0]
    return Coverage(covering, left_out)


def _gaps(built: Mapping[str, Mapping[str, IndexManifest]], asset: str, name: str) -> Iterator[str]:
    missing = [segment for segment, indexes in built.items() if name not in indexes]
    if missing:
        yield (
            f"{index_asset(asset)} covers {len(built) - len(missing)} of {len(built)} segments and not {missing[0]}: "
            f"materialize it for {', '.join(missing[:5])}, or publish without this encoder."
        )
        return
    models: dict[tuple[str, int], str] = {}
    for segment, indexes in built.items():
        models.setdefault((indexes[name].fingerprint, indexes[name].dimension), segment)
    if len(models) > 1:
        (one, first), (other, second) = list(models.items())[:2]
        yield (
            f"{index_asset(asset)} was built with two models, {one[0]} for {first} and {other[0]} for {second}: their "
            f"similarities can't be compared. Materialize the embeddings and {index_asset(asset)} of the older again."
        )
