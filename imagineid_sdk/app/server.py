"""Serves the page on this machine; what visitors bring and make lies in one folder, which goes when they do."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from imagineid_sdk.errors import OptionError


def serve(model: str | None, host: str, port: int, visitors: int, open_browser: bool) -> None:
    """See `imagineid_sdk.app.launch`."""
    from imagineid_sdk.app.studio import Studio
    from imagineid_sdk.hub.sources import check_model

    check_model(model)
    studio = Studio(model)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory(prefix="imagineid-app-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # read when the page is made
        from imagineid_sdk.app.page import STYLE, make_page, theme

        page = make_page(studio, Path(folder), visitors)
        page.queue(max_size=32)
        try:
            page.launch(
                server_name=host, server_port=port or free_port(host), inbrowser=open_browser, show_error=True,
                share=False, ssr_mode=False, run_history=False, footer_links=[], theme=theme(), css=STYLE,
                max_file_size="200mb", enable_monitoring=False, prevent_thread_lock=True,
            )  # fmt: skip
            studio.load()  # only now: imports in two threads at once would delay the page
            page.block_thread()
        except OSError as error:
            raise OptionError(f"host={host!r}, port={port}: {error} Choose another port, or 0 for any.") from error
        finally:
            page.close(verbose=False)


def free_port(host: str) -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])
