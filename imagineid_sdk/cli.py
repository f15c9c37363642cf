"""The `imagineid` command: a thin wrapper, one function of the SDK behind each subcommand.

    imagineid generate AUDIO -o TALK.mp4    a face imagined from the voice says the words
    recorder | imagineid generate - -o - | player          the same while somebody speaks
    imagineid listen AUDIO [--json]         what the voice tells, without a picture
    imagineid export AUDIO -o TALK.csv -o TALK.glb         the same as other files: video, motion, mesh
    imagineid faces AUDIO -n 8 -o FACES.png several people the voice could belong to
    imagineid info RECIPE                   which checkpoints a recipe takes, sizes, licences; downloads nothing
    imagineid verify VIDEO                  whether it says that a machine made it: metadata, signature, watermark
    imagineid app                           a page in the browser, with a live microphone
    imagineid batch FOLDER -o OUT           a video of every clip, on this machine or a Ray cluster

Results go to standard output, progress and errors to standard error. Exit status: 0 done, 1 nothing found (verify) or
clips failed (batch), 2 a mistake that one line explains, 128 + N ended by signal N (130 by Ctrl-C). All that can be
checked is checked before the model is loaded.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from imagineid_sdk.app.command import add_app
from imagineid_sdk.batch.command import add_batch
from imagineid_sdk.errors import ImagineIDError, OptionError
from imagineid_sdk.signals import Terminated, terminated_like_interrupted

if TYPE_CHECKING:
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.audio.decoding import AudioStream

FACTORS = ("identity", "identity_from", "emotion_from", "motion")
EXIT_NOTHING, EXIT_MISTAKE, EXIT_SIGNAL = 1, 2, 128  # the last plus the signal's number, what shells expect


AddCommand: TypeAlias = Callable[..., argparse.ArgumentParser]
"""Called with a command's name, its function and a summary; gives its parser."""


def command() -> None:
    """The console script `imagineid`: runs `main` and leaves with its status."""
    status = main()
    gc.freeze()  # else Python looks through all of torch for garbage once more at exit: 1.3 s
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` without the program's name by default); returns the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        with terminated_like_interrupted():
            return options.run(options) or 0
    except ImagineIDError as error:
        print(f"imagineid: error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_MISTAKE
    except Terminated as ended:
        return EXIT_SIGNAL + int(ended.args[0])
    except KeyboardInterrupt:
        print("imagineid: interrupted; unfinished files were removed", file=sys.stderr)
        return EXIT_SIGNAL + signal.SIGINT
    except BrokenPipeError:  # e.g. `imagineid listen ... | head -1`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def generate(options: argparse.Namespace) -> None:
    from imagineid_sdk.files import check_encoder, check_output_path
    from imagineid_sdk.video.formats import MP4, format_of
    from imagineid_sdk.video.provenance import read_signer

    to_pipe = options.output == "-"
    kind = MP4 if to_pipe else format_of(options.output)
    if not to_pipe:
        check_output_path(options.output, kind.suffix)
    if options.save_identity is not None:
        check_output_path(options.save_identity, ".safetensors")
    if options.raw_rate is not None and options.audio != "-":
        raise OptionError("--raw-rate describes standard input: give - as AUDIO. Files know their own rate.")
    check_encoder(kind.encoder, kind.title)
    signer = read_signer(options.sign, sys.stdout.buffer if to_pipe else options.output)
    factors = checked_factors(options)
    # The sound is looked at first: to check the options takes imports of seconds.
    with opened_sound(options, to_pipe) as sound:
        wanted = checked_options(options)
        pipeline = load_pipeline(options.model)
        target = sys.stdout.buffer if to_pipe else options.output
        person = pipeline.write_mp4(sound, target, sign=signer, **factors, **wanted)
    written = [] if to_pipe else [options.output]
    if options.save_identity is not None:
        written.append(str(person.save(options.save_identity)))
    show(*written)  # standard output may be the video


def export(options: argparse.Namespace) -> None:
    audio = open_audio_argument(options.audio)
    factors, wanted = checked_factors(options), checked_options(options)
    from imagineid_sdk.export import needs_frames, save_all  # as heavy as the model, and not needed to refuse a mistake

    form = "uint8" if any(map(needs_frames, options.output)) else "none"
    pipeline = load_pipeline(options.model)
    out: Any = pipeline(audio, output_type=form, **factors, **wanted)
    for path in options.output:
        show(*map(str, save_all(out, path, options.sign)))


def listen(options: argparse.Namespace) -> None:
    audio = open_audio_argument(options.audio)
    profile = load_pipeline(options.model).listen(audio)
    show(json.dumps(profile.to_dict(), indent=2) if options.json else str(profile))


def faces(options: argparse.Namespace) -> None:
    from imagineid_sdk.files import check_output_path
    from imagineid_sdk.resolver import seeds_of_faces
    from imagineid_sdk.video.contact_sheet import captions, contact_sheet
    from imagineid_sdk.video.picture import write_png

    check_output_path(options.output, ".png")
    audio = open_audio_argument(options.audio)
    wanted = checked_options(options)
    seeds_of_faces(options.number, options.seed, None)
    candidates = load_pipeline(options.model).imagine(audio, num_faces=options.number, seed=options.seed, **wanted)
    sheet = contact_sheet([candidate.image for candidate in candidates], captions(candidates))
    description = f"Synthetic faces imagined from a voice; seed={options.seed}"
    write_png(options.output, sheet, {"Description": description, "Software": f"imagineid-sdk {version()}"})
    show(options.output)


def info(options: argparse.Namespace) -> None:
    from imagineid_sdk.hub.recipes import Recipe

    show(str(Recipe.load(options.model)))


def verify(options: argparse.Namespace) -> int:
    from imagineid_sdk.video import verify

    result = verify(options.video)
    show(json.dumps(asdict(result) | {"synthetic": result.synthetic}, indent=2) if options.json else str(result))
    return 0 if result.synthetic else EXIT_NOTHING


def show(*lines: str) -> None:
    """Lines on standard output, file names that are not UTF-8 included."""
    for line in lines:
        sys.stdout.write(line.encode(errors="surrogateescape").decode(errors="backslashreplace") + "\n")
    sys.stdout.flush()


# --- between the command line and the SDK -----------------------------------------------------------------------------


def load_pipeline(model: str | None) -> ImagineIDPipeline:
    from imagineid_sdk import ImagineIDPipeline

    pipeline = ImagineIDPipeline.from_pretrained() if model is None else ImagineIDPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=None)  # tqdm: shown on a terminal, silent in a log
    return pipeline


def open_audio_argument(name: str) -> Any:
    """The path, checked; or for "-" the content of standard input."""
    return sys.stdin.buffer.read() if name == "-" else checked(name)


def checked(name: str | None) -> Path | None:
    """The path of a sound, checked."""
    from imagineid_sdk.audio.sources import checked_path

    return None if name is None else checked_path(name)


def opened_sound(options: argparse.Namespace, live: bool) -> AbstractContextManager[AudioStream]:
    """The sound of a video, which is only passed through. From pipe to pipe it is heard as it comes; a file is made of
    the whole of it, or the voice would be heard less well."""
    from imagineid_sdk.audio.arrays import check_rate
    from imagineid_sdk.audio.decoding import open_audio, open_pipe, pcm_from_bytes

    if options.audio != "-":
        return open_audio(checked(options.audio) or "")
    if live:
        return open_pipe(sys.stdin.buffer, options.raw_rate)
    if options.raw_rate is None:
        return open_audio(sys.stdin.buffer)
    check_rate(options.raw_rate)
    content = sys.stdin.buffer.read()
    return open_audio(pcm_from_bytes(content[: len(content) // 2 * 2])[:, 0], options.raw_rate)


def checked_factors(options: argparse.Namespace) -> dict[str, Any]:
    """Who is shown, with which emotion and motion, for a call."""
    from imagineid_sdk.face.persona.identity import Identity

    identity = None if options.identity is None else Identity.load(options.identity)
    clips = {name: checked(getattr(options, name)) for name in ("identity_from", "emotion_from")}
    return {"identity": identity, "motion": options.motion, **clips}


def checked_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, for a call; the SDK's defaults hold for the others."""
    from imagineid_sdk.dialogue import check_separate
    from imagineid_sdk.options import GenerateOptions
    from imagineid_sdk.resolver import Factors, checked_together

    wanted = {name: getattr(options, name) for name in options.passed_on if getattr(options, name) is not None}
    checked = GenerateOptions(**wanted)
    factors = Factors(**{name: getattr(options, name, None) for name in FACTORS})
    checked_together(factors, checked)
    if checked.speakers == "separate":
        check_separate(factors)
    if options.run is generate:
        checked.check_for_file(sys.stdout.buffer if options.output == "-" else options.output)
    if options.run is export:
        from imagineid_sdk.export import check_targets

        check_targets(options.output, checked, options.sign)
    return wanted


def version() -> str:
    from imagineid_sdk import __version__

    return __version__


# --- the command line itself ------------------------------------------------------------------------------------------


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagineid", description="From one audio clip, the talking face of nobody.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"imagineid {version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add_command(name: str, run: Any, summary: str, epilog: str | None = None) -> argparse.ArgumentParser:
        sentence = f"{summary[0].upper()}{summary[1:]}."
        added: argparse.ArgumentParser = commands.add_parser(
            name, help=summary, description=sentence, epilog=epilog, allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    for add in (add_generate, add_export, add_listen, add_faces, add_info, add_verify, add_app):
        add(add_command)
    add_batch(add_command, add_video_options)
    return parser


def add_generate(add_command: AddCommand) -> None:
    parser = add_command("generate", generate, "make a video of an imagined person who says what is heard")
    add_sound(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT.mp4",
        help="the video to write, or .mov, .webm, .gif; - is standard output",
    )  # fmt: skip
    parser.add_argument(
        "--raw-rate", type=int, metavar="HZ", help="standard input is bare samples at this rate: 16 bit, mono"
    )
    parser.add_argument("--save-identity", metavar="FILE.safetensors", help="keep the person for another clip")
    add_video_options(parser)


def add_export(add_command: AddCommand) -> None:
    summary = "make the video, motion or mesh of an imagined person as other programs read them"
    parser = add_command("export", export, summary)
    add_sound(parser)
    parser.add_argument(
        "-o", "--output", required=True, action="append", metavar="FILE",
        help="video .mp4 .mov .webm .gif, pictures FOLDER/, motion .csv .json, mesh .glb; may be given several times",
    )  # fmt: skip
    add_video_options(parser)
    parser.add_argument("--speakers", metavar="WORD", help="separate: a person for each speaker, side by side")
    parser.set_defaults(passed_on=[*parser.get_default("passed_on"), "speakers"])


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Options about the person and the performance, which every command that makes one has."""
    passed_on = [
        parser.add_argument("--seed", type=int, metavar="N", help="the same seed imagines the same person"),
        parser.add_argument("--fps", type=float, metavar="F", help="frames per second"),
        parser.add_argument(
            "--steps", type=int, dest="num_inference_steps", metavar="N", help="denoising steps per frame"
        ),
        parser.add_argument("--emotion", metavar="WORD", help="happy, sad, ... instead of the one that was heard"),
        parser.add_argument(
            "--emotion-intensity", type=float, metavar="X", help="0 to 1, instead of the one that was heard"
        ),
        parser.add_argument("--head-motion", type=float, metavar="X", help="0 none, 1 human, 2 lively"),
        parser.add_argument("--blink", type=float, metavar="X", help="0 never, 1 human, 2 twice as often"),
        parser.add_argument("--gaze", type=float, metavar="X", help="0 on the viewer, 1 human, 2 wandering"),
        *add_portrait_options(parser),
    ]
    parser.add_argument("--identity-from", metavar="AUDIO", help="another clip, whose speaker is shown")
    parser.add_argument("--emotion-from", metavar="AUDIO", help="another clip, whose emotion is shown")
    parser.add_argument("--identity", metavar="FILE", help="a person saved earlier, instead of a new one")
    parser.add_argument("--motion", metavar="FILE", help="a motion saved earlier (.csv, .json), instead of the voice's")
    parser.add_argument("--sign", nargs=2, metavar=("CERT.pem", "KEY.pem"), help="sign (C2PA) with your certificate")
    parser.set_defaults(passed_on=[action.dest for action in passed_on])


def add_portrait_options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Options about the person, which every command that shows one has."""
    words = {
        "gender": "male or female, instead of the one that was heard", "hair": "bob, buzz cut, afro, ...",
        "hair-color": "black, blonde, ... or #rrggbb", "eye-color": "brown, green, ...",
        "beard": "none, stubble, beard, goatee, moustache", "clothes": "suit, hoodie, ...",
        "clothes-color": "blue, ... or #rrggbb",
        "glasses": "none, round, ...", "skin": "dark, light, ... or #rrggbb", "light": "studio, window, evening, ...",
        "attributes": "heard, or neutral: take neither sex nor age from the voice",
    }  # fmt: skip
    return [
        parser.add_argument(
            "--portrait-steps", type=int, dest="reference_steps", metavar="N", help="denoising steps of the portrait"
        ),
        parser.add_argument("--age", type=float, metavar="YEARS", help="instead of the age that was heard"),
        *(parser.add_argument(f"--{name}", metavar="WORD", help=text) for name, text in words.items()),
        parser.add_argument(
            "--background", metavar="WORD|FILE", help="a place, a colour or a picture behind the person"
        ),
        parser.add_argument("--size", type=int, choices=(512, 256), help="pixels of a frame's side (default: 512)"),
        parser.add_argument("--adapters", type=_names, metavar="A,B", help="only these adapters"),
        parser.add_argument(
            "--no-watermark", dest="watermark", action="store_const", const=False, help="leave the pixels unmarked"
        ),
    ]


def _names(given: str) -> tuple[str, ...]:
    return tuple(given.split(","))


def add_listen(add_command: AddCommand) -> None:
    parser = add_command("listen", listen, "tell what the voice says about the speaker; no picture")
    add_sound(parser)
    parser.add_argument("--json", action="store_true", help="everything, for programs")


def add_faces(add_command: AddCommand) -> None:
    parser = add_command("faces", faces, "show several people that the voice could belong to")
    add_sound(parser)
    parser.add_argument("-o", "--output", required=True, metavar="OUT.png", help="the contact sheet to write")
    parser.add_argument("-n", "--number", type=int, default=8, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first (default: %(default)s)")
    parser.set_defaults(passed_on=[action.dest for action in add_portrait_options(parser)])


def add_info(add_command: AddCommand) -> None:
    summary = "tell which checkpoints a recipe takes, their sizes and licences; downloads nothing"
    parser = add_command("info", info, summary)
    parser.add_argument("model", metavar="NAME_OR_JSON", help="sd15, or the path of a recipe of your own")


def add_verify(add_command: AddCommand) -> None:
    summary = "tell whether a video says that a machine made it: by metadata, signature or watermark"
    status = "Exit status: 0 it does, 1 nothing was found (which proves nothing), 2 it can't be read."
    parser = add_command("verify", verify, summary, status)
    parser.add_argument("video", metavar="VIDEO", help="mp4, mov, webm, gif, png, glb, ..., or a folder of pictures")
    parser.add_argument("--json", action="store_true", help="everything, for programs")


def add_sound(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("audio", metavar="AUDIO", help="wav, flac, ogg, mp3, m4a, a video with sound; - reads stdin")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="another model than the one that is shipped")


if __name__ == "__main__":
    command()
