"""Either side in a fresh process: `python -m benchmarks.pipeline.sides dagster|plain`.

The task comes as JSON on standard input, the figures leave as JSON on the last line of standard output.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.pipeline.plain import Options

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Figures:
    """wall: seconds from the start of the process to its end. stages: seconds of each. peak_mb: the most resident."""

    wall: float
    stages: Mapping[str, float]
    peak_mb: float


def dagster_side(root: Path, shop_url: str, batches: list[str]) -> Figures:
    """One run of the ingest job over these batches. root: of a deployment, see deployments.py."""
    return _run("dagster", root, shop_url, {"batches": batches})


def plain_side(root: Path, shop_url: str, batch: str, options: Options) -> Figures:
    task = {"home": str(root / "home"), "shop_url": shop_url, "batch": batch, "options": asdict(options)}
    return _run("plain", root, shop_url, task)


def _run(side: str, root: Path, shop_url: str, task: Mapping[str, object]) -> Figures:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ETSY_ASSETS_")} | {
        "ETSY_ASSETS_HOME": str(root / "home"),
        "ETSY_ASSETS_ETSY_URL": shop_url,
        "DAGSTER_HOME": str(root / "dagster"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "benchmarks.pipeline.sides", side]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        input=json.dumps(task),
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    wall = time.perf_counter() - started
    return Figures(wall, **json.loads(done.stdout.splitlines()[-1]))


def _peak_mb() -> float:
    # Not getrusage: a process inherits the ru_maxrss of the one that started it.
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    task = json.load(sys.stdin)
    if sys.argv[1] == "dagster":
        from benchmarks.pipeline.dagster_runs import run_ingest

        stages = run_ingest(**task)
    else:
        from benchmarks.pipeline.plain import run_stages
        from etsy_assets.storage import Home

        home, options = Home(Path(task.pop("home"))), Options(**task.pop("options"))
        stages = run_stages(home=home, options=options, **task)
    print(json.dumps({"stages": stages, "peak_mb": _peak_mb()}))


if __name__ == "__main__":
    main()
