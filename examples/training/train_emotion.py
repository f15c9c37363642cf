"""Trains the third listening stage: the emotion encoder, with speech, identity and content encoders frozen.

python -m examples.training.train_emotion corpus/espeak corpus/recorded --output imagineid_sdk/weights/tiny
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from examples.training.train_content import embeddings, fingerprint, freeze
from examples.training.train_identity import Item, load_items, set_rate, written
from examples.training.voices.features import WEIGHTS
from imagineid_sdk.audio import load_audio
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import BALANCE_BANDS, STEP, EmotionEncoder, emotion_inputs, spectral_balance
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.listener import Listener
from imagineid_sdk.listening.profile import EMOTIONS, MOUTH_BLENDSHAPES, ProsodyTrack
from imagineid_sdk.listening.speech_encoder import SpeechEncoder

_LENGTH = 200  # frames a training piece: 4 s
_RATE = 2e-3
_BALANCE = slice(5, 5 + BALANCE_BANDS)
_logger = logging.getLogger(__name__)


@torch.no_grad()
def inputs_of(items: list[Item], content: ContentEncoder, voices: np.ndarray) -> list[np.ndarray]:
    """What the emotion stage sees of every utterance, by the frozen content stage and the prosody of copy 0."""
    result = []
    for item, voice in zip(items, voices, strict=True):
        part = slice(item.begin, item.end)
        features = torch.from_numpy(item.views.features[part].astype(np.float32))
        logits, _ = content(features[None], torch.from_numpy(voice)[None])
        speech, loudness, pitch = (
            getattr(item.views, name)[0, part].astype(np.float32) for name in ("speech", "loudness", "pitch")
        )
        mel = item.views.mel[0, 2 * item.begin : 2 * item.end].astype(np.float32)
        visemes = torch.softmax(logits[0], dim=-1).numpy()
        result.append(emotion_inputs(ProsodyTrack(speech, loudness, pitch), spectral_balance(mel), visemes))
    return result


def clip_logits(logits: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Mean over the steps that hold speech, (batch, 8)."""
    weight = speech_weight(inputs)
    return (logits * weight[..., None]).sum(dim=1) / weight.sum(dim=1, keepdim=True)


def speech_weight(inputs: torch.Tensor) -> torch.Tensor:
    """Share of speech in every step, (batch, steps)."""
    batch, frames, _ = inputs.shape
    return inputs[..., 4].reshape(batch, frames // STEP, STEP).mean(dim=2) + 1e-4


class EmotionLesson:
    """Batches of pieces of utterances, and how wrong an encoder is about their mood."""

    def __init__(self, items: list[Item], batch: int = 48) -> None:
        self.items, self.batch = items, batch
        self.mood = np.array([EMOTIONS.index(item.emotion) for item in items])
        self.strength = np.array([item.strength for item in items], np.float32)
        self.of_speaker: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            self.of_speaker.setdefault(item.speaker, []).append(index)
        formant = np.array([item.formant for item in items])
        chance = np.where(self.mood == 0, 0.5 / (self.mood == 0).sum(), 0.5 / (self.mood != 0).sum())
        chance = chance * np.where(formant, 0.7, 1.3)
        self.chance = chance / chance.sum()

    def loss(
        self,
        encoder: EmotionEncoder,
        inputs: Callable[[np.ndarray], list[np.ndarray]],
        voices: Callable[[np.ndarray], torch.Tensor],
        rng: np.random.Generator,
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Of one batch; `inputs` and `voices` give what the stage sees of the items with these numbers."""
        chosen = rng.choice(len(self.items), self.batch, p=self.chance)
        seen = torch.from_numpy(np.stack([_piece(whole, rng) for whole in inputs(chosen)]))
        # Whole inputs go missing at times, and no speaker is known by heart: 900 voices are few.
        seen = seen * (torch.rand(self.batch, 1, seen.shape[2]) > 0.08)
        # The voice as another utterance of the speaker gave it: this one's own would tell the utterance by heart.
        voice = voices(np.array([rng.choice(self.of_speaker[self.items[i].speaker]) for i in chosen]))
        voice = F.normalize(voice + 0.05 * torch.randn_like(voice), dim=1)
        logits, power = encoder(seen, voice)
        target = torch.from_numpy(self.mood[chosen])
        weight = speech_weight(seen)
        each = F.cross_entropy(logits.transpose(1, 2), target[:, None].expand(-1, logits.shape[1]), reduction="none")
        wanted = torch.from_numpy(self.strength[chosen])[:, None].expand_as(power)
        off = F.smooth_l1_loss(power, wanted, beta=0.2, reduction="none")
        parts = {
            "mood": F.cross_entropy(clip_logits(logits, seen), target, label_smoothing=0.1),
            "moments": 0.3 * (each * weight).sum() / weight.sum(),
            "strength": 2 * (off * weight).sum() / weight.sum(),
        }
        return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def train(items: list[Item], inputs: list[np.ndarray], voices: np.ndarray, steps: int, seed: int = 0) -> EmotionEncoder:
    """The trained encoder, float32."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    encoder = new_encoder(voices.shape[1])
    lesson = EmotionLesson(items)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=_RATE, weight_decay=0.1)
    for step in range(steps):
        set_rate(optimizer, _RATE, step, steps)
        loss, parts = lesson.loss(
            encoder, lambda numbers: [inputs[i] for i in numbers], lambda n: torch.from_numpy(voices[n]), rng
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 5.0)
        optimizer.step()
        if step % 100 == 0:
            _logger.info("step %d %s", step, written(parts))
    return encoder.eval()


def new_encoder(embedding_size: int) -> EmotionEncoder:
    return EmotionEncoder(embedding_size=embedding_size, width=72, dilations=(1, 2, 4, 8))


def _piece(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A segment of 4 s with another microphone, level of pitch and range of loudness than it was made with."""
    length = int(rng.integers(_LENGTH // 2, _LENGTH + 1))
    begin = int(rng.integers(max(0, len(inputs) - length) + 1))
    piece = inputs[begin : begin + length].copy()
    response = np.interp(np.linspace(0, 3, BALANCE_BANDS), np.arange(4), rng.normal(0, 0.5, 4))
    piece[:, _BALANCE] += response.astype(np.float32) * (piece[:, 4:5] > 0.5)
    piece[:, 1] += piece[:, 0] * rng.normal(0, 0.08)
    piece[:, 2] *= np.exp(rng.normal(0, 0.2))
    piece[:, 3] *= np.exp(rng.normal(0, 0.25))
    return np.pad(piece, ((0, _LENGTH - len(piece)), (0, 0)))


@torch.no_grad()
def evaluate(encoder: EmotionEncoder, items: list[Item], inputs: list[np.ndarray], voices: np.ndarray) -> dict:
    """Accuracy over eight moods, share of neutral clips called neutral, mean intensity of neutral and other clips."""
    right, neutral, intensity = [], [], []
    for item, seen, voice in zip(items, inputs, voices, strict=True):
        whole = torch.from_numpy(seen[: len(seen) // STEP * STEP])[None]
        logits, power = encoder(whole, torch.from_numpy(voice)[None])
        probability = torch.softmax(clip_logits(logits, whole), dim=1)[0]
        weight = speech_weight(whole)
        amount = float((power * weight).sum() / weight.sum() * (1 - probability[0]))
        right.append(EMOTIONS[int(probability.argmax())] == item.emotion)
        neutral.append(item.emotion == "neutral")
        intensity.append(amount)
    r, n, i = np.array(right), np.array(neutral), np.array(intensity)
    return {
        "mood_accuracy": float(r[~n].mean()),
        "neutral_accuracy": float(r[n].mean()),
        "intensity_neutral": float(i[n].mean()),
        "intensity_mood": float(i[~n].mean()),
    }


def describe_clips(listener: Listener, folder: Path) -> None:
    """Logs what all stages together hear in every sound file of a folder: real voices, kept out of training."""
    jaw = MOUTH_BLENDSHAPES.index("jawOpen")
    for path in sorted(folder.glob("*.wav")):
        clip = load_audio(path)
        begin = time.process_time()
        profile = listener.listen(clip)
        cost = (time.process_time() - begin) / clip.duration
        opening = profile.content.blendshapes[:, jaw]
        speaking = profile.prosody.speech > 0.5
        rest = opening[~speaking] if (~speaking).any() else np.zeros(1)
        mood = profile.emotion
        _logger.info(
            "%-32s female %.2f age %.0f | %s %.2f (neutral %.2f) | jaw median %.2f, 90 %% %.2f, in silence 95 %% %.3f, "
            "second difference %.4f | %.3f CPU s a second",
            path.stem, profile.gender.value, profile.age.value, mood.label, mood.intensity, mood.probabilities[0],
            np.median(opening[speaking]), np.quantile(opening[speaking], 0.9), np.quantile(rest, 0.95),
            np.abs(np.diff(opening, 2)).mean(), cost,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True, help="weights folder, holds the earlier stages already")
    parser.add_argument("--clips", type=Path, help="folder of real voices to describe at the end")
    parser.add_argument("--steps", type=int, default=5000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    identity = IdentityEncoder.from_pretrained(options.output / "identity_encoder", torch_dtype=torch.float32)
    content = ContentEncoder.from_pretrained(options.output / "content_encoder", torch_dtype=torch.float32)
    frozen = [freeze(identity), freeze(content)]
    before = [fingerprint(network) for network in frozen]
    items = load_items(options.corpora)
    voices = embeddings(identity, items)
    inputs = inputs_of(items, content, voices)
    known = [i for i, item in enumerate(items) if not item.held_out]
    encoder = train([items[i] for i in known], [inputs[i] for i in known], voices[known], options.steps)
    assert [fingerprint(network) for network in frozen] == before, "the earlier stages must stay bit-identical"
    unknown = [i for i, item in enumerate(items) if item.held_out]
    figures = evaluate(encoder, [items[i] for i in unknown], [inputs[i] for i in unknown], voices[unknown])
    _logger.info("held-out speakers: %s", figures)
    if options.clips:
        speech = SpeechEncoder.from_pretrained(WEIGHTS / "speech_encoder", torch_dtype=torch.float32)
        describe_clips(Listener(speech, identity, content, encoder), options.clips)
    encoder.half().save_pretrained(options.output / "emotion_encoder")


if __name__ == "__main__":
    main()
