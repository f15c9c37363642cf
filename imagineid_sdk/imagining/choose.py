"""Which backend a pipeline's components are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from imagineid_sdk.errors import ModelError, OptionError
from imagineid_sdk.imagining import tiny
from imagineid_sdk.imagining.backend import Backend
from imagineid_sdk.imagining.networks import TinyNetworks
from imagineid_sdk.imagining.sd15 import backend as sd15

ONLY_TINY = ("portrait_decoder", "attribute_embedder", "semantic_adapter", "blending_adapter")
ONLY_SD15 = ("text_encoder", "tokenizer", "scheduler")
"""Components that only one of the backends has."""


def backend_of(
    components: Mapping[str, Any],
    adapters: tuple[str, ...] | None,
    device: torch.device,
    background: Any,
    size: int | None = None,
) -> Backend[Any, Any, Any]:
    """The backend that these components make, with the adapters that are switched on.

    Args:
        adapters: None is all that the backend has.
        device: where sd15 runs.
        background: as in the options; sd15 takes a colour word for its prompt, or None.
        size: that was asked for; None is the backend's own.

    Raises:
        ModelError: components are missing.
        OptionError: the backend has no such adapter, or can't show this background or size.
    """
    shared = {name: components[name] for name in ("autoencoder", "denoiser", "spatial_adapter")}
    if all(components.get(name) is not None for name in ONLY_TINY):
        own = {name: components[name] for name in ONLY_TINY}
        chosen = check_adapters(adapters, tiny.ADAPTERS, "tiny")
        return tiny.TinyBackend(TinyNetworks(**shared, **own, adapters=chosen))
    if all(components.get(name) is not None for name in ONLY_SD15):
        own = {name: components[name] for name in ONLY_SD15}
        chosen = check_adapters(adapters, sd15.ADAPTERS, "sd15")
        backend = sd15.SD15Backend(**shared, **own, adapters=chosen, device=device, background=background)
        if size not in (None, backend.size):
            raise OptionError(f"size={size} can't be used: this base model makes {backend.size}. Leave size out.")
        return backend
    missing = [name for name in (*ONLY_TINY, *ONLY_SD15) if components.get(name) is None]
    raise ModelError(
        f"The pipeline is incomplete: of {', '.join(missing)} it needs either {', '.join(ONLY_TINY)} or "
        f"{', '.join(ONLY_SD15)}. Load a whole model with from_pretrained."
    )


def check_adapters(adapters: tuple[str, ...] | None, known: tuple[str, ...], model: str) -> tuple[str, ...]:
    if adapters is None:
        return known
    if unknown := [name for name in adapters if name not in known]:
        raise OptionError(
            f"adapters={adapters!r} can't be used: {model} has no {unknown[0]} adapter. It has {', '.join(known)}."
        )
    return adapters
