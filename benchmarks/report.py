"""What a benchmark says: its rows, its notes, as a table on the screen, as Markdown and as JSON."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

MOST_GROWTH = 1.15
"""Of the most memory, from a few things to many: what issue 4 allows."""
_HEADINGS = ("name", "against", "measured", "ratio", "bar", "holds")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. bar: what the ratio must be, ">= 60" or "<= 0.1". measured: the figures behind it."""

    name: str
    baseline: str
    ratio: float | None
    bar: str
    holds: bool
    measured: str = ""


def at_least(name: str, baseline: str, ratio: float, bar: float, measured: str = "") -> Row:
    return Row(name, baseline, _short(ratio), f">= {bar:g}", bool(ratio >= bar), measured)


def at_most(name: str, baseline: str, ratio: float, bar: float, measured: str = "") -> Row:
    return Row(name, baseline, _short(ratio), f"<= {bar:g}", bool(ratio <= bar), measured)


def flat_memory(things: str, peaks: Mapping[int, float], of_what: str = "") -> Row:
    """That the most memory does not grow with the number of things. peaks: MB by their number, of two numbers."""
    few, many = sorted(peaks)
    measured = f"{peaks[many]:.0f} MB for {peaks[few]:.0f}{of_what}"
    return at_most(f"peak memory of {many:,} {things}", f"of {few:,}", peaks[many] / peaks[few], MOST_GROWTH, measured)


@dataclass(slots=True)
class Report:
    """Collects as the run goes on, so that an interrupted run has a table too."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, *rows: Row) -> None:
        for row in rows:
            progress(f"{row.name}: {row.ratio} ({row.bar}: {'holds' if row.holds else 'DOES NOT HOLD'}) {row.measured}")
        self.rows += rows

    def note(self, text: str) -> None:
        progress(text)
        self.notes.append(text)

    def check(self, sound: bool, fault: str) -> None:
        """Notes what is wrong, whatever the timings say."""
        if not sound:
            progress(f"WRONG: {fault}")
            self.faults.append(fault)

    @property
    def holds(self) -> bool:
        return not self.faults and all(row.holds for row in self.rows)

    def write_json(self, path: Path) -> None:
        content = {"rows": [asdict(row) for row in self.rows], "notes": self.notes, "faults": self.faults}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def end(self, path: Path | None) -> NoReturn:
        """Writes the JSON, if there is a path for it, shows the table and ends the process: 0 if all holds, else 1."""
        if path is not None:
            self.write_json(path)
        self.show()
        sys.exit(0 if self.holds else 1)

    def show(self) -> None:
        table = Table(title="; ".join(self.notes[:1]))
        for heading in _HEADINGS:
            table.add_column(heading)
        for cells in self._cells():
            table.add_row(*cells)
        # Wide, or a table in a log file is cut to 80 columns.
        console = Console(width=None if sys.stdout.isatty() else 200)
        console.print(table)
        console.print("\n" + self.markdown(), markup=False, highlight=False, soft_wrap=True)

    def markdown(self) -> str:
        lines = ["| " + " | ".join(_HEADINGS) + " |", "| --- " * len(_HEADINGS) + "|"]
        lines += ["| " + " | ".join(cells) + " |" for cells in self._cells()]
        return "\n".join([*lines, "", *(f"* {note}" for note in self.notes), *(f"* WRONG: {it}" for it in self.faults)])

    def _cells(self) -> Iterable[tuple[str, ...]]:
        for row in self.rows:
            ratio = "-" if row.ratio is None else f"{row.ratio:g}"
            yield row.name, row.baseline, row.measured, ratio, row.bar, "yes" if row.holds else "NO"


def machine(*packages: str) -> str:
    """The cores, their model, and the versions of Python and of these packages."""
    names = [line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.processor()
    cores = len(os.sched_getaffinity(0))
    versions = [f"{package} {version(package)}" for package in packages]
    return ", ".join([f"{cores} cores of {model}", *versions, f"Python {platform.python_version()}"])


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _short(ratio: float) -> float:
    return float(f"{ratio:.4g}")
