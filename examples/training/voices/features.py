"""What the listening stages are trained on: for every utterance of a corpus its sound as the SDK hears it.

    python -m examples.training.voices.features corpus/espeak corpus/recorded

adds `view_*.npy` to each corpus: speech features and prosody of two degraded copies of every utterance, and per frame
the viseme and the mouth actions. (The emotion stage has its own: `step_sums.py`.)
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from examples.training.voices import augment, corpus, phones
from imagineid_sdk.listening.identity import IdentityEncoder, chosen_speech, pitch_statistics, samples_of
from imagineid_sdk.listening.profile import SAMPLES_PER_FRAME, ProsodyTrack
from imagineid_sdk.listening.prosody import analyse_prosody
from imagineid_sdk.listening.speaker_encoder import SpeakerEncoder
from imagineid_sdk.listening.speech_encoder import SpeechEncoder, num_features

WEIGHTS = Path(__file__).parents[3] / "imagineid_sdk" / "weights" / "tiny"
_BACKGROUNDS = 120
_OF_UTTERANCES = ("voices", "pitch_statistics")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Views:
    """Utterances of a corpus end to end at 50 Hz: `edges[i]:edges[i + 1]` is utterance `picked[i]`, then backgrounds.

    features (N, 384) float16; visemes (N,) int8; actions (N, A) float16. Of whole utterances: voices
    (2, utterances, 256), pitch_statistics (2, utterances, 8). Features are of the first degraded copy, voices of two.
    """

    picked: np.ndarray
    edges: np.ndarray
    features: np.ndarray
    visemes: np.ndarray
    actions: np.ndarray
    voices: np.ndarray
    pitch_statistics: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--share", type=float, default=1.0, help="of the utterances to take, drawn at random")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    encoder = SpeechEncoder.from_pretrained(WEIGHTS / "speech_encoder", torch_dtype=torch.float32).eval()
    voice = IdentityEncoder.from_pretrained(WEIGHTS / "identity_encoder", torch_dtype=torch.float32).voice
    for folder in options.corpora:
        rng = np.random.default_rng(options.seed)
        utterances = corpus.load(folder)
        picked = np.flatnonzero(rng.uniform(size=len(utterances)) < options.share)
        views = make_views([utterances[i] for i in picked], picked, encoder, voice, rng)
        for name, value in vars(views).items():
            np.save(folder / f"view_{name}.npy", value)
        _logger.info("%s: %d frames", folder, len(views.visemes))


def load_views(folder: Path) -> Views:
    """The views of one corpus, mapped from disk."""
    names = Views.__dataclass_fields__
    return Views(**{name: np.load(folder / f"view_{name}.npy", mmap_mode="r") for name in names})


def make_views(
    utterances: list[corpus.Utterance], picked: np.ndarray, encoder: SpeechEncoder, voice: SpeakerEncoder,
    rng: np.random.Generator,
) -> Views:  # fmt: skip
    """Two copies of every utterance, then `_BACKGROUNDS` clips of noise, hum and music without any speech."""
    names = [name for name in Views.__dataclass_fields__ if name not in ("picked", "edges")]
    columns: dict[str, list] = {name: [] for name in names}
    lengths = []
    jobs = [(u.samples, u.sounds) for u in utterances]
    jobs += [(np.zeros(int(rng.uniform(2, 6) * 16_000), np.float32), []) for _ in range(_BACKGROUNDS)]
    for number, (samples, sounds) in enumerate(jobs):
        frames = num_features(len(samples))
        clean = np.pad(samples, (0, frames * SAMPLES_PER_FRAME - len(samples)))
        copies = [_copy(clean, bool(sounds), rng) for _ in range(2)]
        columns["features"].append(encoder.encode(copies[0]).last.numpy().astype(np.float16))
        columns["visemes"].append(phones.viseme_frames(sounds, frames).astype(np.int8))
        columns["actions"].append(phones.action_frames(sounds, frames).astype(np.float16))
        lengths.append(frames)
        if number < len(utterances):
            tracks = [analyse_prosody(copy) for copy in copies]
            described = [describe_voice(voice, copy, track) for copy, track in zip(copies, tracks, strict=True)]
            for name, values in zip(_OF_UTTERANCES, zip(*described, strict=True), strict=True):
                columns[name].append(np.stack(values)[:, None])
        if number % 200 == 0:
            _logger.info("%d of %d", number, len(jobs))
    wide = {name: np.concatenate(parts, axis=1 if name in _OF_UTTERANCES else 0) for name, parts in columns.items()}
    return Views(picked=picked, edges=np.concatenate([[0], np.cumsum(lengths)]), **wide)


def describe_voice(voice: SpeakerEncoder, samples: np.ndarray, track: ProsodyTrack) -> tuple[np.ndarray, np.ndarray]:
    """What the identity stage sees of a sound, float32 (256,) and (8,); where nothing is heard, of all of it."""
    chosen = chosen_speech(track.speech)
    chosen = chosen if chosen.any() else np.ones(len(chosen), bool)
    figures = pitch_statistics(track.pitch[chosen], track.speech[chosen])
    return voice.embed(samples_of(samples, chosen)).numpy(), figures


def _copy(clean: np.ndarray, has_speech: bool, rng: np.random.Generator) -> np.ndarray:
    if not has_speech:
        return augment.background(len(clean), rng) * np.float32(10 ** (rng.uniform(-60, -12) / 20))
    if rng.uniform() < 0.3:
        return clean * np.float32(10 ** (rng.uniform(-20, 0) / 20))
    return augment.degrade(clean, rng)


if __name__ == "__main__":
    main()
