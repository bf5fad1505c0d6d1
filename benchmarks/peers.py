"""The tools that a user would pick instead, each in an environment of its own, as the benchmarks' baselines."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import progress

FOLDER = Path(__file__).parents[1] / ".peers"


def peer(name: str, requirements: Sequence[str]) -> Path:
    """The bin folder of an environment that has these packages; it is made when it is first asked for.

    What this environment has (torch, above all) is taken over where its version will do.
    Raises CalledProcessError when pip can't install them.
    """
    folder = FOLDER / name
    done = folder / "requirements.txt"
    wanted = "\n".join([sys.version, *requirements])
    if not done.is_file() or done.read_text("utf-8") != wanted:
        progress(f"installing {', '.join(requirements)} into {folder}")
        venv.create(folder, clear=True, with_pip=True)
        bin_folder = folder / "bin"
        places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
        (Path(places["purelib"]) / "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        subprocess.run([bin_folder / "python", "-m", "pip", "install", "-q", *requirements], check=True)
        done.write_text(wanted, encoding="utf-8")
    return folder / "bin"
