"""`imagineid app`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from imagineid_sdk.app import DEFAULT_PORT


def app(options: argparse.Namespace) -> None:
    from imagineid_sdk.app import launch

    launch(
        model=options.model, host=options.host, port=options.port, visitors=options.visitors, open_browser=options.open
    )


def add_app(add_command: Callable[..., argparse.ArgumentParser]) -> None:
    parser = add_command("app", app, "a page in the browser: a clip or a live microphone in, a talking face out")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="listened on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help="0 is any (default: %(default)s)")
    parser.add_argument(
        "--visitors", type=int, default=1, metavar="N", help="served at once, others wait (default: %(default)s)"
    )
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="another model than the one that is shipped")
