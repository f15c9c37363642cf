"""What every file says of itself."""

from __future__ import annotations

from imagineid_sdk import __version__
from imagineid_sdk.face.persona.identity import Identity


def provenance(identity: Identity) -> dict[str, str]:
    """Tags that say what the video is."""
    return {
        "title": "Synthetic talking face",
        "comment": f"Synthetic: this face was imagined from audio by imagineid-sdk {__version__}, seed {identity.seed}."
        " No such person exists.",
    }
