"""flite and festival: recorded voices with phone times. Debian packages `flite`, `festival` and `festvox-*`."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from examples.training.voices.phones import Sound, from_arpabet, from_festival, to_sounds


@dataclass(frozen=True)
class BaseVoice:
    """A recorded voice. `shift`: s to add to its labels; `held_out`: kept for evaluation."""

    name: str
    program: str
    voice: str
    language: str
    gender: str
    age: int
    shift: float
    held_out: bool = False


BASE_VOICES: tuple[BaseVoice, ...] = (
    BaseVoice("slt", "flite", "slt", "en", "female", 32, 0.008),
    BaseVoice("awb", "flite", "awb", "en", "male", 35, 0.008),
    BaseVoice("rms", "flite", "rms", "en", "male", 35, 0.008, held_out=True),
    BaseVoice("kal16", "flite", "kal16", "en", "male", 35, 0.008),
    BaseVoice("slt_hts", "festival", "cmu_us_slt_arctic_hts", "en", "female", 32, 0.010),
    BaseVoice("ked", "festival", "ked_diphone", "en", "male", 35, 0.005),
    BaseVoice("lp", "festival", "lp_diphone", "it", "female", 35, 0.0, held_out=True),
    BaseVoice("pc", "festival", "pc_diphone", "it", "male", 35, 0.0),
    BaseVoice("dita", "festival", "czech_dita", "cs", "female", 35, 0.0),
    BaseVoice("machac", "festival", "czech_machac", "cs", "male", 40, 0.0),
    BaseVoice("ph", "festival", "czech_ph", "cs", "male", 40, 0.0),
    BaseVoice("krb", "festival", "czech_krb", "cs", "male", 10, 0.0, held_out=True),  # a boy
    BaseVoice("ona", "festival", "upc_ca_ona_hts", "ca", "female", 32, 0.0),
)


def speak(voice: BaseVoice, texts: Sequence[str]) -> list[tuple[np.ndarray, int, list[Sound]]]:
    """Samples (float64), rate and timed visemes of each text; texts that the program refuses are left out."""
    with tempfile.TemporaryDirectory() as folder:
        run: Callable = _flite if voice.program == "flite" else _festival
        return [spoken for spoken in run(voice, texts, Path(folder)) if len(spoken[2]) > 4]


def _flite(voice: BaseVoice, texts: Sequence[str], folder: Path):
    for text in texts:
        command = ["flite", "-voice", voice.voice, "-psdur", "-t", text, "-o", str(folder / "a.wav")]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        phones, start = [], 0.0
        for item in printed.split():
            name, end = item.rsplit(":", 1)
            phones.append((start, float(end), from_arpabet(name)))
            start = float(end)
        samples, rate = soundfile.read(folder / "a.wav")
        yield samples, rate, to_sounds(phones, voice.shift)


_ENCODINGS = {"cs": "iso-8859-2", "it": "iso-8859-1", "ca": "iso-8859-15", "en": "ascii"}


def _festival(voice: BaseVoice, texts: Sequence[str], folder: Path):
    script = [f"(voice_{voice.voice})"]
    for index, text in enumerate(texts):
        quoted = text.replace('"', "").replace("\\", "")
        script += [
            f'(set! u (utt.synth (Utterance Text "{quoted}")))',
            f'(utt.save.wave u "{folder}/{index}.wav" \'riff)',
            f'(utt.save.segs u "{folder}/{index}.seg")',
        ]
    path = folder / "say.scm"
    path.write_bytes("\n".join(script).encode(_ENCODINGS[voice.language], "ignore"))
    subprocess.run(["festival", "--batch", str(path)], capture_output=True, check=False)
    to_visemes = from_arpabet if voice.language == "en" else from_festival
    for index in range(len(texts)):
        wave, labels = folder / f"{index}.wav", folder / f"{index}.seg"
        if not (wave.exists() and labels.exists()):
            continue
        phones, start = [], 0.0
        for line in labels.read_text(errors="ignore").split("#", 1)[1].splitlines():
            parts = line.split()
            if len(parts) < 3:
                continue
            phones.append((start, float(parts[0]), to_visemes(parts[2])))
            start = float(parts[0])
        samples, rate = soundfile.read(wave)
        yield samples, rate, to_sounds(phones, voice.shift)
