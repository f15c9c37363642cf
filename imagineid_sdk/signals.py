"""Signals that end a command as Ctrl-C does: unfinished files are removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")  # docker stop, and a terminal that was closed; Windows has no SIGHUP


class Terminated(BaseException):
    """One of `ENDING_SIGNALS` came: its number. Unfinished files are removed, as after Ctrl-C."""


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Each of `ENDING_SIGNALS` raises `Terminated` within the block, unless it is ignored on purpose (nohup)."""

    def terminate(number: int, _: object) -> None:
        for one in before:  # a second one must not cut off the tidying up after the first
            signal.signal(one, signal.SIG_IGN)
        raise Terminated(number)

    main_thread = threading.current_thread() is threading.main_thread()  # only that one may set handlers
    known = [getattr(signal, name) for name in ENDING_SIGNALS if main_thread and hasattr(signal, name)]
    before = {one: signal.getsignal(one) for one in known if signal.getsignal(one) != signal.SIG_IGN}
    for one in before:
        signal.signal(one, terminate)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
