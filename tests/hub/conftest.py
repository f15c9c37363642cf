"""The loopback Hub, and huggingface_hub turned towards it instead of the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.loopback import LoopbackHub


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[LoopbackHub]:
    """An empty Hub, and a clean cache for what comes from it."""
    from huggingface_hub import constants

    server = LoopbackHub()
    turn_towards(server, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.stop()


def turn_towards(server: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT and its like would do if they were set before the first import."""
    from huggingface_hub import constants, hf_api

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
    for name, value in {
        "ENDPOINT": server.url, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True, "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }.items():  # fmt: skip
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(hf_api.api, "endpoint", server.url)
