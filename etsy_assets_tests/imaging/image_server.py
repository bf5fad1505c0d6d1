"""An image server on loopback that answers each path by a script, and counts what it was asked for."""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """announced: the Content-Length promised. delay: seconds before. drip: seconds after each 1,000 bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    delay: float = 0.0
    drip: float = 0.0
    reset: bool = False


@dataclass
class ImageServer:
    """answers: by path, one after the other; the last of them again and again. Unknown paths are 404."""

    port: int
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    headers_seen: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, path: str, *answers: Answer | bytes) -> None:
        self.answers[path] = [Answer(body=answer) if isinstance(answer, bytes) else answer for answer in answers]

    def next_answer(self, path: str) -> Answer:
        with self.lock:
            self.requests[path] += 1
            script = self.answers.get(path, [Answer(404, b"not here")])
            return script.pop(0) if len(script) > 1 else script[0]


@contextmanager
def running_image_server() -> Iterator[ImageServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with server.lock:
                server.connections += 1

        def do_GET(self) -> None:
            server.headers_seen.append(dict(self.headers))
            answer = server.next_answer(self.path.partition("?")[0])
            server.arrived.release()
            time.sleep(answer.delay)
            if answer.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.announced is None else answer.announced))
            self.end_headers()
            try:
                for start in range(0, len(answer.body), 1000 if answer.drip else 1 << 30):
                    self.wfile.write(answer.body[start : start + (1000 if answer.drip else 1 << 30)])
                    time.sleep(answer.drip)
            except OSError:  # The client went away, as some tests want it to.
                self.close_connection = True
            if answer.announced is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            pass

    listener = Server(("127.0.0.1", 0), Handler)
    server = ImageServer(listener.server_address[1])
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
