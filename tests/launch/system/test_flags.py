"""Modules that cannot be imported, and the current folder; `tests/test_extension.py` has those that can; flags."""

import sys


def test_a_module_that_cannot_be_imported_is_told(tmp_path, cardiax, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = cardiax.mistake("train", "arrhythmia", "--import", "no_such_lab")
    assert "--import no_such_lab: found ModuleNotFoundError" in told
    (tmp_path / "broken_lab.py").write_text("1 / 0")
    assert "found ZeroDivisionError" in cardiax.mistake("train", "arrhythmia", "--import", "broken_lab")


def test_a_command_without_imports_takes_no_module_from_the_current_folder(tmp_path, cardiax, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    cardiax.mistake("train", "no_such_task")
    assert str(tmp_path) not in sys.path


def test_an_empty_folder_of_the_data_is_the_default(tmp_path, cardiax, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert f"datasets in {tmp_path}" in cardiax("info", "--data-dir", "")[1]
