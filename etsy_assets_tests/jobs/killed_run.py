"""Runs the ingest job of one batch, and is killed in the midst of a stage: by SIGKILL, half-way through a write.

    python -m etsy_assets_tests.jobs.killed_run BATCH FOLDER WRITES ASSET...

FOLDER: of the home, whose stage is to be cut short. WRITES: which write of its journal is the last, and is torn.
The deployment is that of the environment, the instance that of DAGSTER_HOME.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from etsy_assets.definitions import defs
from etsy_assets_tests.assets.deployment import QUIET_LOGS


def die_in_a_write(folder: Path, last: int) -> None:
    """All that a stage has finished is in its journal, so this is the worst moment there is."""
    writes = 0

    def torn(write: Callable[..., int]) -> Callable[..., int]:
        def torn_write(descriptor: int, data: bytes, *position: int) -> int:
            nonlocal writes
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if path.is_relative_to(folder) and not path.name.endswith(".tar.partial"):
                writes += 1
                if writes == last:
                    write(descriptor, memoryview(data)[: len(data) // 2], *position)
                    os.kill(os.getpid(), signal.SIGKILL)
            return write(descriptor, data, *position)

        return torn_write

    os.pwrite, os.write = torn(os.pwrite), torn(os.write)


def main(batch: str, folder: str, writes: str, *assets: str) -> None:
    die_in_a_write(Path(os.environ["ETSY_ASSETS_HOME"]).resolve() / folder, int(writes))
    defs.resolve_job_def("ingest").execute_in_process(
        run_config=QUIET_LOGS,
        instance=dg.DagsterInstance.get(),
        partition_key=batch,
        asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets] or None,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
