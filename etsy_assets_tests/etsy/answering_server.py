"""A real HTTP server on loopback that gives prepared answers in turn, the last one again and again."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """body: JSON unless it is bytes. drop: hang up in the middle of the body. pause: seconds before the answer."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    pause: threading.Event | None = None


@dataclass
class AnsweringServer:
    url: str
    answers: list[Answer]
    requests: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """The paths of the requests, in order."""
        return [path for path, _, _ in self.requests]

    def next_answer(self) -> Answer:
        return self.answers[min(len(self.requests), len(self.answers)) - 1]


@contextmanager
def answering(*answers: Answer) -> Iterator[AnsweringServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            running.requests.append((parts.path, parse_qs(parts.query), dict(self.headers)))
            answer = running.next_answer()
            if answer.pause is not None:
                answer.pause.wait(10)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | answer.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if answer.drop else body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = AnsweringServer(f"http://127.0.0.1:{server.server_port}", list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        for answer in answers:
            if answer.pause is not None:
                answer.pause.set()
        server.shutdown()
        server.server_close()
        thread.join()
