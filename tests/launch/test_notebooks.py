"""The notebooks run as they are, each in a folder of its own, and print what they have stored."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "launch" / "notebooks"
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e-?\d+)?")


def printed(notebook):
    """What each cell printed, and the kinds of what it displayed."""
    found = []
    for cell in notebook.cells:
        told = ""  # a busy machine sends it in parts
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            if output.output_type == "stream":
                assert output.name == "stdout", output.text
                told += output.text
            else:
                found.append(", ".join(sorted(output.data)))
        found += [told] * bool(told)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_has_stored(path, tmp_path, monkeypatch, shared_dir):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared_dir))
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "0")  # as a person runs it
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.setenv("PATH", f"{Path(os.sys.executable).parent}:{os.environ['PATH']}")  # for `!cardiax`
    notebook = nbformat.read(path, as_version=4)
    stored = printed(notebook)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    now = printed(notebook)
    assert [NUMBER.sub("#", text) for text in now] == [NUMBER.sub("#", text) for text in stored]
    # Few digits are printed. Another processor rounds otherwise, which a short training amplifies: of 29 test beats of
    # a class, some more or fewer are found. A training that fails is further away.
    for text, before in zip(now, stored, strict=True):
        for value, expected in zip(NUMBER.findall(text), NUMBER.findall(before), strict=True):
            close = {"rel": 0.25, "abs": 0.25 if "." in expected else 2.0}
            assert float(value) == pytest.approx(float(expected), **close), text
