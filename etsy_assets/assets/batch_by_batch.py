"""A run may cover one batch or a range of them: each is told of by itself, and what is finished outlasts a failure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from etsy_assets.assets.failures import RETRY_PASSING_FAULTS, WITHOUT_RETRY

CODE_VERSION_TAG = "dagster/code_version"


class BatchResults:
    """What a step has made of its batches so far."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._finished: dict[str, dict[dg.AssetKey, Mapping[str, Any]]] = {}

    def add(self, batch: str, metadata: Mapping[dg.AssetKey, Mapping[str, Any]], version: str | None = None) -> None:
        """One batch is finished, of these assets. metadata: of its partition; the UI plots it over the partitions.

        version: of what was made, the same for the same content, so that what lies downstream isn't called outdated.
        """
        if version is not None and len(self._context.partition_keys) == 1:
            # Dagster has one data version for all partitions of a run, and so none of a range's.
            for key in metadata:
                self._context.set_data_version(key, dg.DataVersion(version))
        for key, of_asset in metadata.items():
            self._context.add_asset_metadata(of_asset, asset_key=key, partition_key=batch)
        self._finished.setdefault(batch, {}).update(metadata)

    def record_finished(self) -> None:
        """Has Dagster know the finished batches of a step that fails. One that succeeds records them all at its end."""
        for batch, metadata in self._finished.items():
            for key, of_asset in metadata.items():
                version = self._context.assets_def.specs_by_key[key].code_version
                tags = {CODE_VERSION_TAG: version} if version else {}
                self._context.log_event(
                    dg.AssetMaterialization(key, partition=batch, metadata=dict(of_asset), tags=tags)
                )

    def say_how_far(self, error: str) -> str:
        """The sentence of a failed step, with the batch that failed where there are several."""
        batches = self._context.partition_keys
        if len(batches) == 1 or len(self._finished) == len(batches):
            return error
        finished = len(self._finished)
        return f"{error} ({batches[finished]} failed; {finished} of {len(batches)} batches were finished before it.)"


@contextmanager
def batch_by_batch(context: dg.AssetExecutionContext) -> Iterator[BatchResults]:
    """Turns what no retry mends into a failed step whose message is that one sentence.

    The batches that were finished by then are materialized, and the batches of the run that were not can be run again
    by themselves.
    """
    results = BatchResults(context)
    try:
        yield results
    except WITHOUT_RETRY as error:
        results.record_finished()
        raise dg.Failure(description=results.say_how_far(str(error)), allow_retries=False) from error
    except Exception:
        # Another try of the same step finds them finished, and records them itself.
        if context.retry_number >= RETRY_PASSING_FAULTS.max_retries:
            results.record_finished()
        raise
    except BaseException:  # A person ends the run, or the machine is shut down.
        results.record_finished()
        raise
