"""What is measured in a fresh process, because its memory is: `python -m benchmarks.corpus.processes serve|publish`.

The task comes as JSON on standard input, the figures leave as JSON on standard output.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss  # noqa: F401  (so that it counts as an import, and not as memory of the corpus)
import numpy as np

from benchmarks.corpus.building import OPEN_SEGMENT, build_segment
from benchmarks.corpus.serving import ENCODERS, Vectors, answer, stacked
from etsy_assets.search.corpus import Corpus
from etsy_assets.search.snapshots import publish, read_snapshot
from etsy_assets.storage import Home


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """Bytes that the process holds for itself, page cache apart: with imports alone, and after having answered."""

    imported: int
    serving: int

    @property
    def difference(self) -> int:
        return self.serving - self.imported


@dataclass(frozen=True, slots=True)
class Published:
    """What one publish into the open segment took. peak: resident bytes, file pages that are mapped too."""

    version: str
    seconds: float
    peak: int


def serving_memory(home: Home, snapshot: str, queries: Sequence[Vectors]) -> ServingMemory:
    """A process that opens the snapshot and answers the queries."""
    path = home.root / "queries.npz"
    np.savez(path, **stacked(queries))
    return ServingMemory(**_run("serve", {"home": str(home.root), "snapshot": snapshot, "queries": str(path)}))


def publish_in_process(home: Home, versions: Mapping[str, str], batches: Sequence[int]) -> Published:
    """Builds the open segment of these batches and publishes it with the sealed segments `versions`."""
    return Published(**_run("publish", {"home": str(home.root), "versions": dict(versions), "batches": list(batches)}))


def _run(name: str, task: Mapping[str, object]) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.corpus.processes", name]
    done = subprocess.run(command, input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _serve(home: Home, snapshot: str, queries: str) -> ServingMemory:
    with np.load(queries) as stored:
        vectors = {encoder: stored[encoder] for encoder in ENCODERS}
    imported = _status_bytes("RssAnon")
    corpus = Corpus.open(home, read_snapshot(home, snapshot), codes_in_memory=True)
    for number in range(len(vectors[ENCODERS[0]])):
        answer(corpus, {encoder: vectors[encoder][number] for encoder in ENCODERS})
    return ServingMemory(imported, _status_bytes("RssAnon"))


def _publish(home: Home, versions: dict[str, str], batches: list[int]) -> Published:
    started = time.perf_counter()
    version = build_segment(home, OPEN_SEGMENT, batches)
    publish(home, {**versions, OPEN_SEGMENT: version})
    seconds = time.perf_counter() - started
    # Not getrusage: a process inherits the ru_maxrss of the one that started it.
    return Published(version, seconds, _status_bytes("VmHWM"))


def _status_bytes(name: str) -> int:
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    task = json.load(sys.stdin)
    home = Home(Path(task.pop("home")))
    figures = {"serve": _serve, "publish": _publish}[sys.argv[1]](home, **task)
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
