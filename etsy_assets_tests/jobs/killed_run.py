"""Runs the ingest job of one batch, and is killed in the midst of a stage: by SIGKILL, half-way through a write.

    python -m etsy_assets_tests.jobs.killed_run BATCH FOLDER WRITES ASSET...

FOLDER: of the home, whose stage is to be cut short. WRITES: which write below it is the last, and is torn.
The deployment is that of the environment, the instance that of DAGSTER_HOME.
"""

import os
import signal
import sys
from pathlib import Path

import dagster as dg

from etsy_assets.definitions import defs
from etsy_assets_tests.assets.deployment import QUIET_LOGS


def die_in_a_write(folder: Path, last: int) -> None:
    """All that a stage has finished goes through os.pwrite, so this is the worst moment there is."""
    write, writes = os.pwrite, 0

    def torn_write(descriptor: int, data: bytes, position: int) -> int:
        nonlocal writes
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(folder):
            writes += 1
            if writes == last:
                write(descriptor, memoryview(data)[: len(data) // 2], position)
                os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, data, position)

    os.pwrite = torn_write


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
