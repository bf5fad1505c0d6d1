"""A PostgreSQL server of the tests' own, from Debian's package: on loopback, in a temporary folder, gone afterwards."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"


def programs() -> Path | None:
    """The folder of the newest server's programs; None where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Its URL for SQLAlchemy. It keeps nothing, so it never waits for the disk."""
    binaries = programs()
    assert binaries is not None
    # Not under pytest's own folder, which only its user may enter: the server refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="etsy-assets-postgres-"))
    data = folder / "data"
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
        as_user = ["runuser", "-u", USER, "--"]

    def run(program: str, *arguments: str) -> None:
        # Not captured: the server would keep the pipe open, and the call would never end.
        with (folder / "log").open("ab") as log:
            done = subprocess.run(
                [*as_user, str(binaries / program), *arguments], stdout=log, stderr=log, cwd="/", check=False
            )
        assert done.returncode == 0, (folder / "log").read_text()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        run("initdb", "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync")
        settings = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        run("pg_ctl", "-D", str(data), "-o", settings, "-w", "start")
        try:
            yield f"postgresql+psycopg2://{USER}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)
