"""A small web service around one pipeline: a queue, limits, and nothing left behind. Only Python's own library.

    python -m examples.service --port 8000
    curl --data-binary @speech.wav 'http://localhost:8000/talk?seed=7' -o talk.mp4

One video is made at a time, which uses all cores; `waiting` requests queue for it, and whoever comes then is told to
come back (503). Bodies and sounds have a limit. Every mistake of a client is a line of json.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from imagineid_sdk import ImagineIDError, ImagineIDPipeline, load_audio

logger = logging.getLogger("service")
NUMBERS = {"seed": int, "fps": float, "emotion_intensity": float, "head_motion": float, "blink": float, "gaze": float}
WORDS = ("emotion", "gender", "hair", "background")
COLOURS = ("green", "white", "black", "grey", "blue")


class Service(ThreadingHTTPServer):
    """`waiting` requests may queue; `megabytes` and `seconds` bound what is sent."""

    daemon_threads, allow_reuse_address = False, True  # a request that is being answered is answered

    def __init__(self, address: tuple[str, int], waiting: int = 8, megabytes: int = 32, seconds: float = 60.0) -> None:
        self.pipeline = ImagineIDPipeline.from_pretrained()
        self.pipeline.set_progress_bar_config(disable=True)
        self.places, self.one_at_a_time = threading.BoundedSemaphore(waiting + 1), threading.Lock()
        self.megabytes, self.seconds = megabytes, seconds
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    server: Service
    timeout = 30  # seconds for a client that sends nothing

    def do_POST(self) -> None:
        stated = self.headers.get("Content-Length") or "0"
        self.unread = int(stated) if stated.isdecimal() else 0
        if not self.server.places.acquire(blocking=False):
            return self.refuse(503, "All places in the queue are taken. Try again in a few seconds.", retry="5")
        try:
            self.answer()
        finally:
            self.server.places.release()

    def answer(self) -> None:
        length = self.unread
        if not 0 < length <= self.server.megabytes << 20:
            return self.refuse(413, f"Send a sound of up to {self.server.megabytes} MiB as the body.")
        body = self.rfile.read(length)
        self.unread = 0
        try:
            options, video = read_options(urlsplit(self.path).query), io.BytesIO()
            with self.server.one_at_a_time:
                clip = load_audio(body, longest=self.server.seconds)
                self.server.pipeline.write_mp4(clip, video, **options)
        except (ImagineIDError, ValueError) as error:
            return self.refuse(422, str(error))
        self.send(200, "video/mp4", video.getvalue())

    def refuse(self, status: int, reason: str, retry: str | None = None) -> None:
        self.send(status, "application/json", json.dumps({"error": reason}).encode(), retry)
        self.swallow()

    def swallow(self) -> None:
        """A client that is still sending would see a broken connection instead of the answer; so some of what it sends
        is read and forgotten."""
        left = min(self.unread, 2 * self.server.megabytes << 20)
        self.connection.settimeout(2)
        try:
            while left > 0 and (piece := self.rfile.read(min(left, 1 << 16))):
                left -= len(piece)
        except OSError:
            pass  # it has gone, or sends nothing more

    def send(self, status: int, kind: str, content: bytes, retry: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        if retry:
            self.send_header("Retry-After", retry)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, form: str, *values: Any) -> None:
        logger.info(form, *values)


def read_options(query: str) -> dict[str, Any]:
    """The options that a stranger may set. A background is a colour here, never the name of a file of this machine."""
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, strict_parsing=bool(query)):
        if name in NUMBERS:
            try:
                options[name] = NUMBERS[name](value)
            except ValueError:
                raise ValueError(f"{name}={value!r} is no number.") from None
        elif name in WORDS and (name != "background" or value in COLOURS):
            options[name] = value
        else:
            raise ValueError(f"{name}={value!r} can't be used. Options: {', '.join((*NUMBERS, *WORDS))}.")
    return options


def main() -> None:
    parser = argparse.ArgumentParser(description="Sound in, a talking face out, over http.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--waiting", type=int, default=8, help="requests that may queue")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    service = Service((options.host, options.port), waiting=options.waiting)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=service.shutdown).start())
    with service:  # leaving it waits for those that are being answered
        service.serve_forever()


if __name__ == "__main__":
    main()
