"""The pages show what launch/results/*.json holds, and `add` computes what is worked by hand here."""

import datetime
import itertools
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from cardiax.config import to_dict, with_overrides
from cardiax.errors import InputError
from cardiax.launch.evaluation import results_page
from cardiax.launch.evaluation.results_page import DATA, PAGES, cell, of_runs, of_sweep, render, table
from cardiax.launch.run.run_folder import write_json
from cardiax.recipes import recipe

RESULTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.json"))}
README = Path(__file__).resolve().parents[3] / "README.md"


def shown(name, row, column):
    """A cell as the page shows it."""
    result = RESULTS[name]
    (cells,) = (one["cells"] for one in result["rows"] if row in one["name"])
    (i,) = (i for i, one in enumerate(result["columns"]) if one["title"] == column)
    return cell(cells[i], result["columns"][i]["decimals"])


def test_the_pages_are_what_their_data_gives():
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    assert [render(page, DATA) for page in pages] == pages, "run `python -m cardiax.launch.evaluation.results_page`"
    assert sorted(re.findall(r"<!-- table: (\w+) -->", "".join(pages))) == sorted(RESULTS)
    outside = re.sub(r"<!-- table: .*?<!-- end -->", "", "".join(pages), flags=re.DOTALL)
    assert "|" not in outside, "a table without data"
    assert "±" not in outside.replace("with ± is", "")


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_tells_how_it_was_measured(name):
    result = RESULTS[name]
    assert result["command"]
    assert all(command.split()[0] in ("cardiax", "python") for command in result["command"])
    assert re.fullmatch("[0-9a-f]{40}", result["revision"])
    assert result["revision_of"] in ("runs", "page")
    assert all(isinstance(seed, int) for seed in result["seeds"])
    assert result["seeds"] or any("no seed" in note for note in result["notes"])
    assert result["machine"]
    assert "jax" in result
    assert datetime.date.fromisoformat(result["date"]).year >= 2026
    assert all(len(row["cells"]) == len(result["columns"]) for row in result["rows"])


@pytest.mark.parametrize(
    ("start", "name", "row", "column", "unit"),
    [
        ("| `arrhythmia` | one beat and its rhythm", "patient", "macro-F1 of", "mean over seeds", ""),
        ("| | one beat, patients seen", "kaggle", "macro-F1", "mean over seeds", ""),
        ("| `activation`", "pattern", "cardiax train activation", "activation", " ms"),
        ("| `transmembrane`", "pattern", "cardiax train transmembrane", "voltage", " mV"),
    ],
)
def test_the_headlines_of_the_first_page(start, name, row, column, unit):
    lines = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(start)]
    assert len(lines) == 1
    assert re.search(r"[\d.]+ ± [\d.]+( m.)?", lines[0])[0].rstrip() == f"{shown(name, row, column)}{unit}"


def test_the_notes_of_the_first_page():
    text = " ".join(README.read_text(encoding="utf-8").split())
    rows = {"macro-F1 of": "macro", "S, sens": "S", "V, sens": "V"}
    by = {rows[row]: [shown("patient", row, one["title"]) for one in RESULTS["patient"]["columns"]] for row in rows}
    assert f"Over records the interval is {by['macro'][1]}, and" in text
    assert f"the value is {by['macro'][2]}." in text
    assert f"to S is {by['S'][0]} (over records {by['S'][1]}; {by['S'][2]} without 232), to V {by['V'][0]} (" in text
    assert by["V"][0] == by["V"][2]
    assert f"(over records {by['V'][1]}; as without it)." in text
    for name in ("patient", "kaggle", "pattern"):
        for command in RESULTS[name]["command"]:
            assert f"`{command}`" in text or command.startswith("cardiax sweep")


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, ""),
        ("known hearts", "known hearts"),
        (0.5, "0.500"),
        (392933, "392,933"),
        ({"value": 0.94, "half_width": 0.006}, "0.940 ± 0.006"),
        ({"low": 0.87, "high": 0.99}, "0.870 to 0.990"),
        ({"value": 1.31, "low": 1.29, "high": 1.36}, "1.310 (1.290 to 1.360)"),
        ({"value": 1.31, "half_width": 0.02, "low": 1.29, "high": 1.36}, "1.310 ± 0.020 (1.290 to 1.360)"),
    ],
)
def test_cells(found, text):
    assert cell(found, 3) == text


def run(folder, seed, value, revision="a" * 40, **fields):
    """The files of a finished run on patients, with accuracy `value` and bounds 0.1 around it."""
    config = with_overrides(recipe("arrhythmia", "physionet_mitbih/patient"), {"seed": seed, **fields})
    write_json(folder / "config.json", to_dict(config))
    environment = {"git_revision": revision, "devices": ["1 × cpu", "1 processes"], "versions": {"jax": "0.10.2"}}
    write_json(folder / "environment.json", environment)
    accuracy = {"value": value, "low": value - 0.1, "high": value + 0.1}
    classes = {"S": {"recall": accuracy}, "Q": {"recall": {"value": None, "low": None, "high": None}}}
    rest = {"record": 232, "accuracy": {"value": 0.5}, "classes": {"S": {"recall": {"value": 0.25}}}}
    interval = "95% percentile bootstrap over records, 2000 resamples"
    found = {"seed": seed, "interval": interval, "accuracy": accuracy, "classes": classes, "without_record": rest}
    write_json(folder / "test.json", found)
    os.utime(folder / "test.json", (1e9 + seed, 1e9 + seed))  # 9 September 2001
    return folder


def test_runs_become_a_result(tmp_path):
    runs = [run(tmp_path / "0", 0, 0.9), run(tmp_path / "1", 1, 0.7)]
    found = of_runs(runs, ["accuracy", "classes.S.recall=S, sensitivity"])
    assert found["rows"][1]["name"] == "S, sensitivity"
    # The mean of 0.9 and 0.7 ± t(1, 0.975) · √0.02 / √2 = 12.7062 · 0.1
    assert found["rows"][0] == {
        "name": "accuracy",
        "cells": [
            {"value": 0.8, "half_width": 1.27062},
            {"low": 0.7, "high": 0.9},
            {"value": 0.5, "half_width": 0.0},
        ],
    }
    assert (found["revision"], found["seeds"], found["date"], found["jax"]) == (
        "a" * 40,
        [0, 1],
        "2001-09-09",
        "0.10.2",
    )
    text = table({"title": "T", "command": ["cardiax train"], "notes": []} | found)
    assert "| figure | mean over seeds | interval over records | without record 232 |" in text
    assert "| S, sensitivity | 0.800 ± 1.271 | 0.70 to 0.90 | 0.250 ± 0.000 |" in text
    assert "`cardiax train`; seeds 0 and 1; 1 × cpu, 1 processes; JAX 0.10.2; 2001-09-09 at revision aaaaaaa." in text


def test_one_run_has_no_interval_over_seeds(tmp_path):
    found = of_runs([run(tmp_path / "0", 2, 0.9)], ["accuracy"])
    assert found["rows"][0]["cells"][0] == {"value": 0.9}
    assert "; seeds 2; " in table({"title": "T", "command": ["cardiax train"], "notes": []} | found)


def test_runs_that_are_no_result_are_refused(tmp_path):
    first = run(tmp_path / "first", 0, 0.9)
    for name, other in {
        "expected the same seeds of each": (0, 0.7),
        "expected one commit": (1, 0.7, "b" * 40),
        "found revisions None": (1, 0.7, None),
        "-dirty, expected one commit": (1, 0.7, "a" * 40 + "-dirty"),
    }.items():
        runs = [first, run(tmp_path / "other", *other)]
        with pytest.raises(InputError, match=name):
            of_runs(runs if "None" not in name and "dirty" not in name else runs[1:], ["accuracy"])
    with pytest.raises(InputError, match="expected seeds of one"):
        of_runs([first, run(tmp_path / "other", 1, 0.7, epochs=5)], ["accuracy"])
    for figure in ("macro_f1", "classes.Q.recall", "seed"):
        with pytest.raises(InputError, match=f"no value of '{figure}'"):
            of_runs([first], [figure])
    with pytest.raises(InputError, match="found no such file"):
        of_runs([tmp_path], ["accuracy"])


def test_a_sweep_becomes_a_result_with_a_row_for_each_system(tmp_path):
    for system, values in {"cardiax": (0.9, 0.7), "cnn": (0.5, 0.5)}.items():
        for seed, value in enumerate(values):
            folder = run(tmp_path / f"{system}-patient-seed{seed}", seed, value)
            found = json.loads((folder / "test.json").read_text()) | {"parameters": 10 + seed}
            write_json(folder / "test.json", found)
            noises = {
                noise: {"12": {"accuracy": {"value": value - less}}} for noise, less in {"a": 0, "b": 0.2}.items()
            }
            write_json(folder / "test_noise.json", {"noises": noises}) if system == "cardiax" else None
    found = of_sweep(tmp_path, ["accuracy", "noise.12.accuracy=at 12 dB", "parameters"])
    assert [column["title"] for column in found["columns"]] == ["accuracy", "at 12 dB", "parameters"]
    assert found["rows"] == [
        {"name": "`cardiax`", "cells": [{"value": 0.8, "half_width": 1.27062, "low": 0.7, "high": 0.9}, 0.7, 10]},
        {"name": "`cnn`", "cells": [{"value": 0.5, "half_width": 0.0, "low": 0.4, "high": 0.6}, None, 10]},
    ]
    assert (found["seeds"], found["revision"], found["row_title"]) == ([0, 1], "a" * 40, "system")
    shutil.rmtree(tmp_path / "cnn-patient-seed1")
    with pytest.raises(InputError, match="not all seeds of each"):
        of_sweep(tmp_path, ["accuracy"])


def test_the_folds_of_a_sweep_are_one_row(tmp_path, monkeypatch):
    for number, seed in itertools.product((1, 2), (0, 1)):
        protocol = f"ds1_fold_{number}"
        run(tmp_path / f"ours-{protocol}-seed{seed}", seed, 0.1, protocol=protocol)
    counted = []

    def both(folds):
        counted.append([fold.path.name for fold in folds])
        value = 0.5 + 0.1 * folds[0].config().seed
        return {"interval": "over records", "macro_f1": {"value": value, "low": value - 0.2, "high": value + 0.2}}

    monkeypatch.setattr(results_page, "together", both)
    found = of_sweep(tmp_path, ["macro_f1"])
    assert counted == [[f"ours-ds1_fold_{number}-seed{seed}" for number in (1, 2)] for seed in (0, 1)]
    cell = {"value": 0.55, "half_width": 0.63531, "low": 0.35, "high": 0.75}  # t(1, 0.975) · 0.05
    assert found["rows"] == [{"name": "`ours`", "cells": [cell]}]
    shutil.rmtree(tmp_path / "ours-ds1_fold_2-seed1")
    with pytest.raises(InputError, match="not all seeds of each"):
        of_sweep(tmp_path, ["macro_f1"])


def test_the_command_adds_a_result_and_writes_the_page(tmp_path, monkeypatch, capsys):
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\n<!-- table: mine -->\n<!-- end -->\n\nEnd.\n")
    monkeypatch.setattr(results_page, "PAGES", [page])
    monkeypatch.setattr(results_page, "DATA", tmp_path)
    given = ["add", "mine", str(run(tmp_path / "0", 0, 0.9)), "--title", "Mine", "--command", "cardiax train"]
    results_page.main([*given, "--figure", "accuracy", "--machine", "a laptop", "--note", "A note."])
    assert page.read_text().startswith("# Results\n\n<!-- table: mine -->\n**Mine**\n\n| figure | ")
    assert (
        "`cardiax train`; seeds 0; a laptop; JAX 0.10.2; 2001-09-09 at revision aaaaaaa. A note.\n<!-- end -->\n\nEnd"
        in (page.read_text())
    )
    with pytest.raises(SystemExit):
        results_page.main([*given, "--figure", "loss"])
    assert "no value of 'loss'" in capsys.readouterr().err
