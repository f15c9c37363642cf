"""What the command lines of the trainings of pictures have in common."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser_for(
    description: str | None, out: str, minutes: float, batch: int, learning_rate: float
) -> argparse.ArgumentParser:
    """--people, --out, --minutes, --batch, --learning-rate and --seed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=Path, required=True, help="folder of render_people")
    parser.add_argument("--out", type=Path, default=Path(f".train/{out}"), help="folder of the run, which it resumes")
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def add_prepared(parser: argparse.ArgumentParser) -> None:
    """--prepared and --codes: what ``prepare_people`` and ``reduce_head`` made."""
    parser.add_argument("--prepared", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
