"""Publishes a new batch in processes that are killed: by SIGKILL at a given write, or half-way through a file.

    python -m etsy_assets_tests.search.killed_build

Reads lines of JSON, {"home", "last_write", "largest_file"}, and forks a process for each, so that the libraries are
imported once. Answers each with {"signal", "writes"}: what ended it, 0 if nothing did, and the writes it came to.

last_write: it is killed when it is about to make this write below the home; a write is whatever changes what is on the
disk: opening to write, flushing, renaming, removing, making a folder, locking. largest_file: no file may become larger
than so many bytes, and the write that would make one is torn there; so files that C++ code writes are torn, too.
0 = never.
"""

import fcntl
import importlib
import json
import os
import resource
import signal
import sys
from pathlib import Path

from etsy_assets.storage import Home
from etsy_assets_tests.search.shop_of_vectors import publish_new_batch

# pyarrow imports pandas when it makes its first array.
USED_BY_THE_BUILD = ("faiss", "pandas", "pyarrow.parquet")
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Writes:
    """Counts the writes below a folder of this process, and ends it before the last that it is allowed."""

    def __init__(self, folder: Path, last: int) -> None:
        self._folder, self._last = str(folder), last
        self.count = 0
        flush = os.fsync

        def counted_flush(descriptor: int) -> None:
            self._one_more()
            flush(descriptor)

        os.fsync = counted_flush
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple) -> None:
        match event, arguments:
            case "open", (path, _, flags) if flags & _TO_WRITE and self._is_below(path):
                self._one_more()
            case (("os.rename" | "os.remove" | "os.mkdir" | "os.rmdir" | "os.truncate" | "os.link"), (path, *_)):
                if self._is_below(path):
                    self._one_more()
            case "fcntl.flock", (_, operation) if operation != fcntl.LOCK_UN:
                self._one_more()

    def _is_below(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self._folder)

    def _one_more(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def work(home: Path, last_write: int, largest_file: int) -> int:
    """Returns the number of writes, if it comes so far."""
    if largest_file:
        # Python ignores the signal of the kernel, which would otherwise end the process in mid-write.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    writes = Writes(home, last_write)
    publish_new_batch(Home(home))
    return writes.count


def in_a_process_of_its_own(home: Path, last_write: int, largest_file: int) -> dict[str, int]:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        failed = True
        try:
            os.write(writable, str(work(home, last_write, largest_file)).encode())
            failed = False
        finally:
            sys.excepthook(*sys.exc_info()) if failed else None
            os._exit(failed)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        writes = int(pipe.read() or last_write)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("The build failed, and was not killed: see above.")
    return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "writes": writes}


def main() -> None:
    for library in USED_BY_THE_BUILD:
        importlib.import_module(library)
    for line in sys.stdin:
        order = json.loads(line)
        answer = in_a_process_of_its_own(Path(order["home"]), order["last_write"], order["largest_file"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
