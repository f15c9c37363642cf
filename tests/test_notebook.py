"""The notebook runs from its first cell to its last, and what it holds is what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NOTEBOOK = EXAMPLES / "quickstart.ipynb"

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")


def outputs(notebook):
    return [[output["output_type"] for output in cell.get("outputs", [])] for cell in notebook.cells]


def test_the_notebook_runs_and_shows_a_video(shipped_weights):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    stored = outputs(notebook)
    for cell in notebook.cells:  # a second of the voice is enough to see that it runs
        cell.source = cell.source.replace("[:40_000]", "[16_000:28_800]").replace("[:16_000]", "[:6_400]")
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    for cell in notebook.cells:
        cell["outputs"] = [one for one in cell.get("outputs", []) if one.get("name") != "stderr"]
    assert outputs(notebook) == stored
    assert str(notebook).count("data:video/mp4;base64,") == 2


def test_the_stored_notebook_says_nothing_of_the_machine_it_ran_on():
    text = NOTEBOOK.read_text()
    assert not re.search(r"/(root|home|Users)/", text) and "Warning" not in text
