"""The page: from a clip or a live microphone to a talking face, in a browser on this machine (extra ``app``).

`page` lays it out, `studio` does what a visitor asks for, `live` is the conversation in real time, `visitor` what is
kept of somebody until they leave.
"""

from __future__ import annotations

from importlib.util import find_spec

from imagineid_sdk.errors import MissingExtraError, OptionError

DEFAULT_PORT = 7860


def launch(
    *, model: str | None = None, host: str = "127.0.0.1", port: int = DEFAULT_PORT, visitors: int = 1,
    open_browser: bool = False,
) -> None:  # fmt: skip
    """Serve the page until interrupted.

    Args:
        model: as for ``from_pretrained``; None is the embedded model.
        host: the address that is listened on. The default can't be reached from other machines.
        port: of the page; 0 takes a free one.
        visitors: so many are served at the same time, the others wait in a queue and see their place.
        open_browser: show the page at once.

    Raises:
        MissingExtraError: gradio is not installed.
        OptionError: the port or the number of visitors can't be used.
    """
    if find_spec("gradio") is None:
        raise MissingExtraError("The page", "app")
    if not 0 <= port <= 65535:
        raise OptionError(f"port={port} is out of range. Give 1 to 65535, or 0 for any that is free.")
    if visitors < 1:
        raise OptionError(f"visitors={visitors} can't be used. Serve 1 or more at a time.")
    from imagineid_sdk.app.server import serve  # gradio takes seconds to import

    serve(model, host, port, visitors, open_browser)
