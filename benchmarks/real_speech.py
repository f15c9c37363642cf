"""Real speech to judge with: clips of many people out of Debian packages, which are unpacked but not installed.

    python -m benchmarks.real_speech --packages PACKAGES --out SPEECH

Fetches each package with `apt-get download` (unless its .deb is in PACKAGES already), unpacks it with `dpkg -x`, and
joins short utterances of one speaker to two clips that share no utterance:

    SPEECH/LANGUAGE_SEX_SPEAKER_a.wav, ..._b.wav          sentences and phrases
    SPEECH/words/LANGUAGE_SEX_SPEAKER_a.wav, ..._b.wav    letters and single words: for telling voices apart only

SEX is man, woman, or voice where nothing is known; it comes from the credits where there are any, else from the pitch.
The recordings have licences of their own (printed), some of them share-alike: judge with them, don't ship them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import resampy
import soundfile

from imagineid_sdk.listening.prosody import analyse_prosody

RATE = 16_000
GAP = 0.3  # seconds of silence between joined utterances
PITCH_TOLERANCE = 0.3  # an utterance whose median pitch is farther from the speaker's, as a share, is somebody else's
TRIM_DB = 40  # below the loudest 20 ms of an utterance its edges count as silence


@dataclass(frozen=True)
class Speaker:
    """Where one person's utterances lie. pitch: median Hz of the person, 0 to take every utterance; shortest: seconds
    of speech below which an utterance is left out."""

    language: str
    sex: str
    name: str
    package: str
    pattern: str
    pitch: float = 0
    shortest: float = 1.0
    words: bool = False

    @property
    def stem(self) -> str:
        return f"{self.language}_{self.sex}_{self.name}"


LICENCES = {
    "asterisk-core-sounds-en-g722": "CC-BY-SA-3.0 (Allison Smith)",
    "asterisk-core-sounds-fr-g722": "CC-BY-SA-3.0 (June Wallack)",
    "fillets-ng-data-cs": "GPL-2 (ALTAR interactive)",
    "pocketsphinx-testdata": "public domain (LibriVox)",
    "tuxpaint-stamps-default": "GPL-2",
    "klettres-data": "GPL-2+",
    "ktuberling-data": "GPL-2+",
}

_TUXPAINT = "tuxpaint-stamps-default"
SPEAKERS = (
    Speaker("en", "woman", "allison", "asterisk-core-sounds-en-g722", "en_US_f_Allison/*.g722", shortest=1.5),
    Speaker("en", "man", "librivox", "pocketsphinx-testdata", "librivox/*.wav"),
    Speaker("fr", "woman", "june", "asterisk-core-sounds-fr-g722", "fr_CA_f_June/*.g722", shortest=1.5),
    Speaker("cs", "man", "bigfish", "fillets-ng-data-cs", "cs/*-v-*.ogg", 125, shortest=2),
    Speaker("cs", "woman", "smallfish", "fillets-ng-data-cs", "cs/*-m-*.ogg", 300, shortest=2),
    Speaker("be", "woman", "tuxpaint", _TUXPAINT, "*_desc_be.ogg", 253),
    Speaker("bg", "man", "tuxpaint", _TUXPAINT, "*_desc_bg.ogg", 118),
    Speaker("ca", "voice", "tuxpaint", _TUXPAINT, "*_desc_ca.ogg", 160),
    Speaker("da", "man", "tuxpaint", _TUXPAINT, "*_desc_da.ogg", 108),
    Speaker("el", "woman", "tuxpaint", _TUXPAINT, "*_desc_el.ogg", 209),
    Speaker("es", "woman", "tuxpaint", _TUXPAINT, "*_desc_es.ogg", 245),
    Speaker("fr", "man", "tuxpaint", _TUXPAINT, "*_desc_fr.ogg", 121),
    Speaker("ro", "woman", "tuxpaint", _TUXPAINT, "*_desc_ro.ogg", 239),
    Speaker("ru", "man", "tuxpaint", _TUXPAINT, "*_desc_ru.ogg", 127),
)


def _letters(language: str, sex: str, folder: str, pitch: float) -> Speaker:
    return Speaker(
        language, sex, "klettres", "klettres-data", f"klettres/{folder}/*.ogg", pitch, shortest=0.25, words=True
    )


def _pictures(language: str, sex: str, pitch: float) -> Speaker:
    pattern = f"sounds/{language}/*"
    return Speaker(language, sex, "ktuberling", "ktuberling-data", pattern, pitch, shortest=0.35, words=True)


# One speaker of each language and sex: the packages don't say whether two of them asked the same person.
WORD_SPEAKERS = (
    _letters("ar", "voice", "ar/alpha", 281), _letters("cs", "woman", "cs/*", 249),
    _letters("de", "woman", "de/alpha", 223), _letters("de", "man", "de/syllab", 112),
    _letters("en", "man", "en/*", 128), _letters("engb", "woman", "en_GB/*", 236),
    _letters("hu", "man", "hu/*", 107), _letters("it", "woman", "it/*", 218), _letters("lt", "man", "lt/*", 118),
    _letters("ml", "man", "ml/*", 115), _letters("nb", "woman", "nb/alpha", 258), _letters("nds", "man", "nds/*", 100),
    _letters("nl", "woman", "nl/*", 212), _letters("pt", "woman", "pt_BR/*", 285),
    _letters("ru", "woman", "ru/*", 215), _letters("tn", "voice", "tn/*", 360), _letters("uk", "woman", "uk/*", 235),
    _pictures("el", "man", 152), _pictures("fi", "voice", 410), _pictures("ga", "man", 110),
    _pictures("gl", "woman", 290), _pictures("sl", "man", 142), _pictures("sr", "woman", 284),
    _pictures("sv", "voice", 264), _pictures("wa", "man", 129),
    Speaker("nl", "man", "tuxpaint", _TUXPAINT, "*_desc_nl.ogg", 114, shortest=0.3, words=True),
)  # fmt: skip


def unpack(package: str, folder: Path) -> Path:
    """The folder with the files of a Debian package, fetched and unpacked where it isn't there yet."""
    target = folder / package
    if not target.exists():
        archives = sorted(folder.glob(f"{package}_*.deb"))
        if not archives:
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True, capture_output=True)
            archives = sorted(folder.glob(f"{package}_*.deb"))
        # Under another name first: an interrupted run must not leave half a package that looks whole.
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            subprocess.run(["dpkg", "-x", str(archives[-1]), unfinished], check=True)
            Path(unfinished).chmod(0o755)
            Path(unfinished).rename(target)
            Path(unfinished).mkdir()
    return target


def read_sound(path: Path) -> np.ndarray:
    """Mono float32 at `RATE`."""
    if path.suffix == ".g722":
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "g722", "-i", str(path), "-f", "f32le"]
        raw = subprocess.run([*command, "-ac", "1", "-ar", str(RATE), "-"], check=True, capture_output=True).stdout
        return np.frombuffer(raw, np.float32)
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return mono if rate == RATE else resampy.resample(mono, rate, RATE, filter="kaiser_fast").astype(np.float32)


def trim(samples: np.ndarray) -> np.ndarray:
    """Without the silence before and after the words, but for a tenth of a second."""
    hop = RATE // 50
    level = np.array([np.mean(samples[start : start + hop] ** 2) for start in range(0, len(samples), hop)])
    loud = np.flatnonzero(level > level.max(initial=0) * 10 ** (-TRIM_DB / 10))
    if not len(loud) or level.max() < 1e-7:
        return samples[:0]
    return samples[max(loud[0] - 5, 0) * hop : (loud[-1] + 6) * hop]


def utterances(speaker: Speaker, folder: Path) -> Iterator[np.ndarray]:
    """Utterances of one speaker, spread over the package, that are long enough and at the speaker's pitch."""
    files = sorted(path for path in folder.rglob(speaker.pattern) if path.suffix in (".ogg", ".wav", ".g722"))
    step = max(len(files) // 41, 1)  # neighbours are often of one text; any order will do, as long as it is this one
    for path in (file for first in range(step) for file in files[first::step]):
        try:
            samples = trim(read_sound(path))
        except (soundfile.LibsndfileError, subprocess.CalledProcessError):
            continue  # a few packages carry broken files
        if len(samples) >= speaker.shortest * RATE and _is_speaker(samples, speaker.pitch):
            yield samples


def _is_speaker(samples: np.ndarray, pitch: float) -> bool:
    if not pitch:
        return True
    heard = analyse_prosody(samples).pitch
    voiced = heard[heard > 0]
    return len(voiced) >= 5 and abs(np.median(voiced) / pitch - 1) < PITCH_TOLERANCE


def two_clips(speaker: Speaker, folder: Path, seconds: float) -> list[np.ndarray]:
    """Two clips of about so many seconds out of alternate utterances; shorter where the package holds less."""
    clips: list[list[np.ndarray]] = [[], []]
    lengths = [0, 0]
    for samples in utterances(speaker, folder):
        into = int(lengths[1] < lengths[0])
        clips[into] += [samples, np.zeros(int(GAP * RATE), np.float32)]
        lengths[into] += len(samples) + int(GAP * RATE)
        if min(lengths) >= seconds * RATE:
            break
    return [np.concatenate(parts[:-1]) if parts else np.zeros(0, np.float32) for parts in clips]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, required=True, help="folder for the packages (about 450 MB unpacked)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each clip")
    options = parser.parse_args()
    (options.out / "words").mkdir(parents=True, exist_ok=True)
    options.packages.mkdir(parents=True, exist_ok=True)
    print("| clip | seconds | package | licence |\n|---|---|---|---|")
    for speaker in (*SPEAKERS, *WORD_SPEAKERS):
        clips = two_clips(speaker, unpack(speaker.package, options.packages), options.seconds)
        for letter, samples in zip("ab", clips, strict=True):
            folder = options.out / "words" if speaker.words else options.out
            path = folder / f"{speaker.stem}_{letter}.wav"
            soundfile.write(path, samples, RATE)
            name, seconds = path.relative_to(options.out), len(samples) / RATE
            print(f"| {name} | {seconds:.1f} | {speaker.package} | {LICENCES[speaker.package]} |", flush=True)


if __name__ == "__main__":
    main()
