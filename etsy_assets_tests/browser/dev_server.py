"""`etsy-assets dev` in a folder of its own, as a user starts it, and its end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from etsy_assets_tests.browser.dagster_graphql import DagsterApi

REPOSITORY = Path(__file__).parents[2]
STOP_SECONDS = 90
# Once a year: nothing comes in between, and the tests crawl when they need to.
NO_CRAWLS = {"ETSY_ASSETS_CRAWL_CRON": "0 0 1 1 *"}


@dataclass(frozen=True)
class DevServer:
    """url: of the Dagster UI. home: where the platform keeps what it makes. folder: its DAGSTER_HOME."""

    url: str
    folder: Path
    home: Path
    process: subprocess.Popen[bytes]

    @cached_property
    def api(self) -> DagsterApi:
        return DagsterApi(self.url)

    def interrupt(self) -> int:
        """What Ctrl-C does; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def processes(self) -> list[int]:
        """The ids of all processes that belong to it, known by their DAGSTER_HOME."""
        marker = f"DAGSTER_HOME={self.folder}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if marker in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found


@contextmanager
def dev_server(folder: Path, shop_url: str, settings: Mapping[str, str]) -> Iterator[DevServer]:
    """Ready to be used in the block, and gone after it. settings: ETSY_ASSETS_* of this deployment."""
    environment, port = {**deployment_environment(folder, shop_url), **settings}, free_port()
    with (folder / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "etsy_assets.cli.main", "dev", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = DevServer(f"http://127.0.0.1:{port}", folder, Path(environment["ETSY_ASSETS_HOME"]), process)
    try:
        assert server.api.repository
        yield server
    finally:
        with suppress(subprocess.TimeoutExpired):
            server.interrupt()
        for left in server.processes():
            with suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
        process.wait()


def deployment_environment(folder: Path, shop_url: str) -> dict[str, str]:
    """The environment of a platform that keeps everything in this folder, which gets the files that Dagster reads."""
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, folder)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ETSY_ASSETS_")},
        # Clones may share an environment, in which the package is installed from another one.
        "PYTHONPATH": str(REPOSITORY),
        "DAGSTER_HOME": str(folder),
        "ETSY_ASSETS_HOME": str(folder / "data"),
        "ETSY_ASSETS_ETSY_URL": shop_url,
        "HF_HUB_OFFLINE": "1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
