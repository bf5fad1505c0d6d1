"""A model hub on loopback: answers for files as the Hugging Face hub does, as far as its client looks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@dataclass
class LoopbackHub:
    """files: what the one repository holds. status, error_code: what it answers in place of files."""

    repository: str
    revision: str
    files: Path
    status: int = 200
    error_code: str | None = None
    url: str = ""
    served: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        prefix = f"/{self.repository}/resolve/{self.revision}/"
        if self.status != 200:
            return self.status, {"X-Error-Code": self.error_code} if self.error_code else {}, b""
        if not path.startswith(prefix):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        file = self.files / path.removeprefix(prefix)
        if not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.revision}, b""
        body = file.read_bytes()
        self.served.append(file.name)
        return 200, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": self.revision}, body


@contextmanager
def running(hub: LoopbackHub) -> Iterator[LoopbackHub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._send(with_body=False)

        def do_GET(self) -> None:
            self._send(with_body=True)

        def _send(self, with_body: bool) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
