"""An image server that costs next to nothing, in a process of its own: as far away as it is told to be.

python -m benchmarks.download.server FOLDER DELAY: answers GET /…/<name>.jpg with the file <name mod files>.jpg of the
folder, DELAY seconds after it was asked, on connections that stay open. Prints its port; ends with its standard input.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def image_server(folder: Path, delay: float) -> Iterator[str]:
    """Its base URL."""
    command = [sys.executable, "-m", "benchmarks.download.server", str(folder), str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.stdin.close()


class _Connection(asyncio.Protocol):
    def __init__(self, answers: list[bytes], delay: float) -> None:
        self._answers, self._delay = answers, delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            number = int(request.split(b" ", 2)[1].rpartition(b"/")[2].partition(b".")[0])
            answer = self._answers[number % len(self._answers)]
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)


async def serve(folder: Path, delay: float) -> None:
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
    answers = [head.format(len(body)).encode() + body for body in bodies]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers, delay), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
