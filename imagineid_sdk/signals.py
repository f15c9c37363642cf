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
    """Each of `ENDING_SIGNALS` raises `Terminated` within the block, unless it is ignored on purpose (nohup). These and
    Ctrl-C leave the block as they came, even if tidying up after them fails."""
    received: list[BaseException] = []

    def terminate(number: int, _: object) -> None:
        for one in before:  # a second one must not cut off the tidying up after the first
            if one != signal.SIGINT:
                signal.signal(one, signal.SIG_IGN)
        received.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
        raise received[-1]

    main_thread = threading.current_thread() is threading.main_thread()  # only that one may set handlers
    known = [getattr(signal, name) for name in ENDING_SIGNALS if main_thread and hasattr(signal, name)]
    before = {one: signal.getsignal(one) for one in known if signal.getsignal(one) != signal.SIG_IGN}
    if main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.default_int_handler
    for one in before:
        signal.signal(one, terminate)
    try:
        yield
    except Exception as error:
        if received:
            raise received[0] from error
        raise
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
