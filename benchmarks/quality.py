"""How good the videos are, as judged by networks that took no part in training. Prints markdown tables.

    python -m benchmarks.real_speech --packages PACKAGES --out SPEECH
    python -m benchmarks.quality --speech SPEECH --renders HEADS --sheets SHEETS

Each judge is first shown true renders, where the right answer is known: that row says how far to trust the rows below
it. Lips are compared with what the motion asked for (is the picture right?) and with the phones that a recogniser hears
in the sound (is the video right?), with a scan over delays and with phones of another moment as control. Each clip of
speech gets a second of silence appended, so that silence is always judged.

--speech: what `benchmarks/real_speech.py` writes: LANGUAGE_SEX_SPEAKER_TAKE.wav and, below words/, single words.
--renders: a folder of pairs NAME.npy (frames, height, width, 5) uint8 (premultiplied RGB, alpha, segmentation; frame 0
    neutral) and NAME.npz (actions, pose, landmarks, meta), as examples/training/render_people.py writes them. Only
    people whose number leaves 19 when divided by 20 are used: those are kept out of training.
--clips: the same, but consecutive frames of a moving head: the truth for flicker.
--autoencoder: folder of an autoencoder that was saved with its encoder; the shipped one has none.
--codes: head shapes of the rendered people, as examples/training/reduce_head.py writes them; those kept out of
    training are imagined again and laid beside their renders.
--synthetic: corpora of examples/training/voices; the speakers that were kept out of training join the retrieval.
--steps: denoising steps of every frame of the videos; more is slower, and what it changes is in the tables.
--size: of the videos of whole clips; what is measured in pixels is told in those of 256.
--quick: few clips, few seconds. Whatever the size, --parts prints some of the tables only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import ablation, factors, leakage, people, reliability, robustness
from benchmarks.autoencoder import autoencoder_rows
from benchmarks.imagined_again import imagined_again_rows, portrait_rows
from benchmarks.judges import PhoneRecogniser
from benchmarks.measures import Judges
from benchmarks.people import Portrait
from benchmarks.renders import calibrate, held_out
from benchmarks.sheets import frames_of, save_sheet
from benchmarks.speech import Speech, find_speech, first_takes, synthetic_speech
from benchmarks.tables import print_table, rows_of
from benchmarks.videos import LIPS, MOTION, PERSON, Bench, generate, language_rows, picture_columns


@dataclass(frozen=True)
class Size:
    """How much is looked at.

    renders: people; clips: of speech, filmed, each so many seconds; candidates: people imagined for each clip; seeds:
    of one voice; words: whether clips of single words count as voices; faces_of_voices: voices of which both clips get
    a face, with seeds_of_voices seeds each; short: seconds of clips that are filmed several times; leaking: clips
    changed by vocoder.
    """

    renders: int = 80
    clips: int = 12
    seconds: float = 8.0
    candidates: int = 4
    seeds: int = 64
    words: bool = True
    faces_of_voices: int = 24
    seeds_of_voices: int = 4
    short: float = 2.0
    intensities: tuple[float, ...] = (0.4, 0.7, 1.0)
    ages: tuple[int, ...] = people.AGES
    leaking: int = 8


QUICK = Size(
    renders=8, clips=2, seconds=2.0, candidates=2, seeds=8, words=False, faces_of_voices=3, seeds_of_voices=1,
    short=1.0, intensities=(1.0,), ages=(20, 70), leaking=2,
)  # fmt: skip


@dataclass(frozen=True)
class Sounds:
    """The clips of speech: sentences, single words, one clip of each of the voices that are filmed; and two clips of
    each synthetic voice that was kept out of training."""

    sentences: list[Speech]
    words: list[Speech]
    filmed: list[Speech]
    synthetic: list[Speech]

    @property
    def second_takes(self) -> dict[str, Speech]:
        return {clip.voice: clip for clip in self.sentences if clip.name.endswith("_b")}

    def short(self, seconds: float) -> list[Speech]:
        return [clip.first(seconds) for clip in self.filmed]


def judge_videos(bench: Bench, sounds: Sounds, size: Size) -> None:
    """Lips, person, motion and picture of each clip."""
    # A seed for each: with one for all, everybody would wear the same hair and skin, and these would be judged.
    clips = [generate(bench, clip, bench.seed + number) for number, clip in enumerate(sounds.filmed)]
    names = [made.name for made in clips]
    print_table("Lips", rows_of(clips, names, LIPS))
    print_table("Lips by language", language_rows(clips))
    print_table("Person", rows_of(clips, names, PERSON))
    print_table("Between the videos", people.video_rows(clips))
    print_table("Motion", rows_of(clips, names, MOTION))
    print_table("Picture", rows_of(clips, names, picture_columns(bench.calibration)))
    if bench.sheets:
        lines = [frames_of(made.video.frames) for made in clips]
        save_sheet(bench.sheets / "clips.png", lines, names)


def judge_people(bench: Bench, sounds: Sounds, size: Size) -> None:
    """Voices told apart; one voice, one person; many seeds, many people; ages; the crowd against the renders."""
    paired = [clip for clip in sounds.sentences if clip.voice in sounds.second_takes]
    shown = [clip.voice for clip in first_takes(paired, size.faces_of_voices)]
    pairs = sorted((clip for clip in paired if clip.voice in shown), key=lambda clip: (clip.voice, clip.name))
    rounds = [people.hear_voices(bench, pairs, seed) for seed in range(size.seeds_of_voices)]
    print_table("One voice, one person (same seed)", people.same_person_rows(rounds))
    people.save_pairs(bench, rounds)

    everyone: list[Portrait] = []
    for k, clip in enumerate(sounds.filmed):  # seeds of their own: one seed gives all voices one cut of hair
        everyone += people.portraits(bench, clip, size.candidates, bench.seed + k * size.candidates)
    print_table("Candidates of all clips", people.judged_rows(bench, everyone) + people.crowd_rows(bench, everyone))
    voice = sounds.filmed[0]
    many = people.portraits(bench, voice, size.seeds, seed=100)
    print_table(f"{size.seeds} seeds of one voice ({voice.voice})", people.seed_rows(bench, voice, many))
    people.save_people(bench, "seeds", many)
    people.save_people(bench, "candidates", everyone)
    print_table("Ages asked for, and as judged", people.age_rows(bench, voice, size.ages))


def judge_voices(bench: Bench, sounds: Sounds, size: Size) -> None:
    """Listening alone: voices, sexes, noise."""
    clips = [clip for clip in sounds.sentences if clip.voice in sounds.second_takes]
    heard = people.hear_voices(bench, clips)
    print_table("Voices: sentences", people.voice_rows(heard) + people.own_way_rows(bench, heard))
    if size.words and sounds.words:
        words = people.hear_voices(bench, sounds.words)
        everybody = [*heard, *words]
        print_table("Voices: sentences and single words", people.voice_rows(everybody))
        rows = reliability.reliability_rows(everybody)
        print_table("How sure of the sex, and how often right", rows)
        if bench.sheets:
            reliability.save_plot(bench.sheets / "reliability.png", rows)
        if sounds.synthetic:
            synthetic = people.hear_voices(bench, sounds.synthetic)
            print_table("Voices: these and synthetic ones", people.voice_rows([*everybody, *synthetic]))
    print_table("Noise", robustness.noise_rows(bench, heard, sounds.filmed))


def judge_silence(bench: Bench, sounds: Sounds, size: Size) -> None:
    note = f"Asked of the face at {robustness.FPS:g} frames a second; levels of hum and noise are below the speech."
    print_table("Silence", robustness.silence_rows(bench, sounds.filmed[0].first(2.5)), note)


def judge_factors(bench: Bench, sounds: Sounds, size: Size) -> None:
    if len(sounds.filmed) < 2:
        return  # one clip has nobody to swap anything with
    leaking = [clip.first(6.0 if size.words else 3.0) for clip in sounds.filmed[: size.leaking]]
    note = "Share of the difference between clips of different people saying different things."
    rows = leakage.listening_leakage(bench.pipe.listen, leaking, sounds.second_takes)
    print_table("Leakage in listening", rows, note)
    swaps, used = factors.swap_factors(bench, sounds.short(size.short))
    named = "identity of {}, words of {}, emotion of {}; instead {}, {}, {}".format(*(clip.name for clip in used))
    print_table("Leakage in the video", factors.swap_rows(swaps), named)


def judge_emotions(bench: Bench, sounds: Sounds, size: Size) -> None:
    rows = factors.emotion_rows(bench, sounds.filmed[0].first(min(size.short, 1.5)), size.intensities)
    print_table("Emotions", rows)


def judge_adapters(bench: Bench, sounds: Sounds, size: Size) -> None:
    print_table("Adapters switched off", ablation.ablate(bench, sounds.filmed[-1].first(2 * size.short)))


PARTS: dict[str, Callable[[Bench, Sounds, Size], None]] = {
    "videos": judge_videos, "people": judge_people, "voices": judge_voices, "silence": judge_silence,
    "factors": judge_factors, "emotions": judge_emotions, "adapters": judge_adapters,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Judges videos of the pipeline; prints markdown tables.")
    parser.add_argument("--renders", type=Path, help="folder of true renders, for calibration")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="rendered clips of moving heads (.npy)")
    parser.add_argument("--autoencoder", type=Path, help="folder of an autoencoder with its encoder")
    parser.add_argument("--codes", type=Path, help="head shapes of the rendered people (.npz)")
    parser.add_argument("--speech", type=Path, help="folder that real_speech.py wrote")
    parser.add_argument("--synthetic", type=Path, nargs="*", default=[], help="corpora of synthetic voices")
    parser.add_argument("--sheets", type=Path, help="folder for pictures to look at")
    parser.add_argument("--model", help="folder or name for from_pretrained; default: the embedded model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, help="denoising steps of a frame; default the pipeline's, 1")
    parser.add_argument("--size", type=int, choices=(256, 512), default=256, help="of the videos of whole clips")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="few clips, few seconds")
    parser.add_argument("--seconds", type=float, help="of each clip; default 8, quick 2")
    parser.add_argument("--speakers", type=int, help="how many clips are filmed; default 12, quick 2")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else Size()
    if arguments.seconds:
        size = replace(size, seconds=arguments.seconds)
    if arguments.speakers:
        size = replace(size, clips=arguments.speakers)
    run(arguments, size)


def run(arguments: argparse.Namespace, size: Size) -> None:
    judges = Judges.load()
    calibration = None
    if arguments.renders:
        renders = held_out(arguments.renders)[-size.renders :]
        calibration = calibrate(judges, renders, arguments.clips)
        print_table(f"The judges on true renders ({len(renders)} people kept out of training)", calibration.rows)
        if arguments.autoencoder:
            rows = autoencoder_rows(arguments.autoencoder, renders, judges.features, judges.mesh)
            print_table("Autoencoder", rows)
    if not (arguments.speech or arguments.codes):
        return
    from imagineid_sdk import ImagineIDPipeline

    pipe = ImagineIDPipeline.from_pretrained(*([arguments.model] if arguments.model else []))
    pipe.set_progress_bar_config(disable=True)
    if arguments.renders and arguments.codes:
        told = pipe, judges, renders, arguments.codes, arguments.seed, arguments.sheets
        print_table("People kept out of training, imagined again", imagined_again_rows(*told))
        print_table("Their portraits at 512x512", portrait_rows(*told))
    if not arguments.speech:
        return
    sentences, words = find_speech(arguments.speech)
    filmed = [clip.first(size.seconds) for clip in first_takes(sentences, size.clips)]
    bench = Bench(
        pipe, judges, PhoneRecogniser(), calibration, arguments.sheets, arguments.seed, arguments.steps, arguments.size
    )
    sounds = Sounds(sentences, words, filmed, synthetic_speech(arguments.synthetic))
    for name in arguments.parts:
        PARTS[name](bench, sounds, size)


if __name__ == "__main__":
    main()
