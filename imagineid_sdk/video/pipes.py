"""Pipes to and from the encoder, each served by a thread of its own, so that nobody waits for somebody who waits."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, cast

from imagineid_sdk.video.provenance import XmpInserter

SECOND_PIPE = os.name != "nt"
"""Whether a program can inherit a second pipe beside its standard input."""


class SoundPipe:
    """The encoder's second input. A pipe; on Windows, where a program inherits no second pipe, a socket on loopback."""

    def __init__(self) -> None:
        self._server: socket.socket | None = None
        self._reading: int | None = None
        self._over = threading.Event()
        if not SECOND_PIPE:
            self._server = socket.create_server(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
            self.descriptors: tuple[int, ...] = ()
            self.feeder = Feeder(self._accept, waiting=0)
        else:
            self._reading, writing = os.pipe()
            self.address, self.descriptors = f"pipe:{self._reading}", (self._reading,)
            self.feeder = Feeder(lambda: os.fdopen(writing, "wb", buffering=0), waiting=0)

    def given_away(self) -> None:
        """The encoder alone reads from here on, and its death is noticed."""
        if self._reading is not None:
            os.close(self._reading)
            self._reading = None

    def close(self) -> None:
        self._over.set()
        self.given_away()
        self.feeder.join()
        if self._server is not None:
            self._server.close()

    def _accept(self) -> IO[bytes]:
        assert self._server is not None
        self._server.settimeout(0.2)
        while not self._over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._server.accept()
                return cast(IO[bytes], connection.makefile("wb", buffering=0))
        raise OSError("the encoder never connected")


class Feeder:
    """Writes to a pipe from a thread of its own, so that the caller does not wait for the reader."""

    def __init__(self, connect: Callable[[], IO[bytes]], waiting: int) -> None:
        self.broken = False
        self._queue: queue.Queue[memoryview | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, args=(connect,), daemon=True)
        self._thread.start()

    def put(self, content: memoryview | None) -> None:
        """Some bytes, or None at the end."""
        self._queue.put(content)

    def join(self) -> None:
        """Waits until the pipe is closed. Its reader must have ended, or read to the end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self, connect: Callable[[], IO[bytes]]) -> None:
        pipe: IO[bytes] | None = None
        try:
            pipe = connect()
        except OSError:
            self.broken = True
        while (content := self._queue.get()) is not None:
            if pipe is None or self.broken:
                continue
            try:
                write_all(pipe, content)
            except OSError:  # the reader is gone: its exit status says why
                self.broken = True
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def write_all(target: IO[bytes], content: bytes | memoryview) -> None:
    """An unbuffered file may take less than it is given; a writer of the caller's may not say how much it took."""
    left = memoryview(content).cast("B")
    while left:
        taken = target.write(left)
        if taken == 0:
            raise OSError("it takes no more bytes")
        left = left[taken if isinstance(taken, int) else len(left) :]


class Pump:
    """Moves the encoder's output, with XMP, into the caller's file, in a thread of its own.

    Attributes:
        error: what the caller's file raised; the encoder then finds its pipe closed.
    """

    def __init__(self, source: IO[bytes], target: IO[bytes]) -> None:
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(source, target), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of the encoder's output."""
        self._thread.join()

    def _run(self, source: IO[bytes], target: IO[bytes]) -> None:
        read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        inserter = XmpInserter()
        with source:
            try:
                while part := read(1 << 16):
                    write_all(target, inserter.feed(part))
                    if hasattr(target, "flush"):
                        target.flush()
                write_all(target, inserter.finish())
            except Exception as error:  # noqa: BLE001 (told by the recorder)
                self.error = error
