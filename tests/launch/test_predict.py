"""`cardiax predict`: a person's recordings to times and voltages, with units and plots."""

import argparse
import csv
import errno
import functools
import io
import shutil
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cardiax import InputError, datasets, load
from cardiax.ecg.leads import ELECTRODES, SITE_NAMES, twelve_leads
from cardiax.ecg.voltage import activation_time
from cardiax.launch import predict
from cardiax.launch.cli import main
from cardiax.launch.predict import output_names
from cardiax.simulate.action_potential import action_potential

SMALL = ("--model_args", "widths=(8,),blocks=1,hidden=8", "--batch_size", "8", "--steps", "2")
SMALL += ("--augmentation.stretch", "0", "--augmentation.noise", "0")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    raw, folder = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("data")
    random = np.random.default_rng(1)
    for number in range(20):
        voltage = np.array(action_potential(np.arange(500.0)[:, None] - random.uniform(5, 150, 75), np.full(75, 250.0)))
        tail = f"hearts_dd_0p2_bcl.1000.pattern.{number}.volunteer.v1"
        np.save(raw / f"pECGData_{tail}.npy", voltage @ random.normal(size=(75, 10)) / 500)
        np.save(raw / f"VmData_{tail}.npy", voltage)
    datasets.prepare("ucsd_intracardiac", folder, raw, folder / "downloads")
    return folder


@pytest.fixture(scope="module")
def runs(data_dir, tmp_path_factory):
    """A function that returns the folder of a run of a task, trained once."""

    @functools.cache
    def run(task):
        folder = tmp_path_factory.mktemp("runs") / task
        where = ("--dataset", "ucsd_intracardiac", "--data-dir", str(data_dir), "--workdir", str(folder))
        with pytest.raises(SystemExit) as stopped:
            main(["train", task, *where, *SMALL])
        assert not stopped.value.code
        return folder

    return run


@pytest.fixture
def trained(runs, tmp_path):
    """A function that returns a copy of a task's run."""
    return lambda task: shutil.copytree(runs(task), tmp_path / task)


def read(path):
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


@pytest.mark.slow
def test_times_with_units_and_plots(cardiax, trained, tmp_path, one_beat):
    run, electrodes = trained("activation"), one_beat
    np.save(tmp_path / "one.npy", electrodes)
    (tmp_path / "other").mkdir()
    np.save(tmp_path / "other" / "one.npy", twelve_leads(electrodes))
    files = (tmp_path / "one.npy", tmp_path / "other" / "one.npy")
    status, out, error = cardiax("predict", run, *files, "--rate", 1000)
    assert status == 0, error
    assert "75 of 75 sites activate" in out
    found = []
    for name in (f"{tmp_path.name}_one", "other_one"):
        header, rows = read(run / "predictions" / f"{name}_activation.csv")
        assert header == ["site", "activation_time_ms"]
        assert [row[0] for row in rows] == list(SITE_NAMES)
        found.append(np.array([row[1] for row in rows], float))
        for plot in ("ecg", "activation"):
            content = (run / "predictions" / f"{name}_{plot}.png").read_bytes()
            assert content.startswith(b"\x89PNG")
        # A network of two steps knows nothing: times beyond the 500 ms are told, on screen and beside them.
        outside = ((found[-1] < 0) | (found[-1] > 500)).any()
        notes = (run / "predictions" / f"{name}_notes.txt").read_text()
        assert ("warning:" in notes) == outside == (f"{name}: warning:" in error)
        assert "note: the times have no intervals" in notes
    np.testing.assert_allclose(*found, atol=0.02)
    predictor = load(run)
    for recording, leads in ((electrodes, ELECTRODES), (files[0], None)):
        called = predictor.predict(recording, sampling_rate=1000, leads=leads)
        np.testing.assert_allclose(called.times, found[0], atol=0.006)
        assert called.voltage is None
        assert bool(called.warnings) == outside
    in_microvolts = predictor.predict(1000 * electrodes, sampling_rate=1000, unit="µV")
    np.testing.assert_allclose(in_microvolts.times, found[0], atol=0.006)
    with pytest.raises(InputError, match=r"^array: found 500 samples and no sampling rate"):
        predictor.predict(electrodes)
    with pytest.raises(InputError, match=r"^unit: found 'kg', expected V, mV or uV$"):
        predictor.predict(electrodes, sampling_rate=1000, unit="kg")


@pytest.mark.slow
def test_voltages_with_units_and_plots(cardiax, trained, tmp_path, one_beat):
    run = trained("transmembrane")
    np.save(tmp_path / "one.npy", one_beat)
    status, _, error = cardiax("predict", run, tmp_path / "one.npy", "--rate", 1000, "--out", tmp_path / "answers")
    assert status == 0, error
    header, rows = read(tmp_path / "answers" / "one_voltage.csv")
    assert header == ["time_ms", *(f"{name}_mV" for name in SITE_NAMES)]
    values = np.asarray(rows, float)
    np.testing.assert_array_equal(values[:, 0], np.arange(500))
    _, times = read(tmp_path / "answers" / "one_activation.csv")
    found = np.asarray([float(row[1]) if row[1] else np.nan for row in times])
    np.testing.assert_allclose(found, activation_time(values[:, 1:]), atol=0.1)
    assert (tmp_path / "answers" / "one_heart.gif").read_bytes().startswith(b"GIF")


def test_nothing_is_written_where_the_only_file_is_wrong(cardiax, trained, tmp_path, one_beat):
    run = trained("activation")
    np.save(tmp_path / "good.npy", one_beat)
    np.save(tmp_path / "flat.npy", np.zeros((500, 12)))
    command = ("predict", "--rate", 1000, run, tmp_path / "good.npy")
    assert "flat.npy: found no signal in I, II" in cardiax.mistake(
        "predict", "--rate", 1000, run, tmp_path / "flat.npy"
    )
    assert "good.npy: found this recording twice" in cardiax.mistake(*command, tmp_path / "good.npy")
    assert "missing.npy: found no such file" in cardiax.mistake(*command, tmp_path / "missing.npy")
    assert "found 12 channels, expected the 2 of --leads" in cardiax.mistake(
        "predict", run, tmp_path / "flat.npy", "--rate", 1000, "--leads", "I,II"
    )
    assert not (run / "predictions").exists()
    for flag, expected, texts in (("rate", "a number above 0", ("-3", "0", "x")), ("start", "a number", ("inf", "x"))):
        for text in texts:
            message = cardiax.mistake("predict", run, tmp_path / "good.npy", f"--{flag}", text)
            assert f"argument --{flag}: found '{text}', expected {expected}" in message


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x.npy", "a/y.csv.gz", "a/z.npz"], ["x", "y", "z"]),
        (["a/x.npy", "b/x.npy", "b/z.hea"], ["a_x", "b_x", "z"]),
        (["a/c/x.npy", "b/c/x.npy"], ["a_c_x", "b_c_x"]),
        (["a/x.npy", "a/x.csv"], ["x.npy", "x.csv"]),
        (["patient1.v2", "patient1.v3.hea"], ["patient1.v2", "patient1.v3"]),
    ],
)
def test_the_outputs_of_each_file_have_a_name_of_their_own(paths, names):
    assert output_names([Path(path) for path in paths]) == names


def test_a_record_of_several_files_is_one_recording(tmp_path):
    for name in ("a.hea", "a.dat", "b.mat", "b.hea", "c.dat"):
        (tmp_path / name).touch()
    for twice in (("a.hea", "a.dat"), ("a", "a.hea"), ("b.mat", "b"), ("c.dat", "c.dat")):
        with pytest.raises(InputError, match="found this recording twice, expected each once"):
            output_names([tmp_path / name for name in twice])
    assert output_names([tmp_path / name for name in ("a.hea", "b.mat", "c.dat", "a.csv")]) == [
        "a.hea",
        "b",
        "c",
        "a.csv",
    ]


def test_other_folders_are_told(cardiax, tmp_path):
    assert "config.json: found no such file" in cardiax.mistake("predict", tmp_path, tmp_path / "a.npy")


def fake_options(monkeypatch, tmp_path, write, names=("a",), flags=(), **changes):
    """The options of `cardiax predict` of some files, for a predictor with this `write`."""
    fake = SimpleNamespace(
        flags=(), network=None, outputs=("_a.csv", "_b.png"), outputs_together=("all.json",), has_page=False
    )
    fake.write = write
    fake.predict, fake.with_influence, fake.plots = lambda *_, **__: "found", lambda one: one, lambda *_: {}
    fake.write_together, fake.row = lambda folder: (), lambda one: {"beats": 3, "warnings": ""}
    vars(fake).update(changes)
    monkeypatch.setattr(predict, "open_predictor", lambda folder: fake)
    files = [tmp_path / f"{name}.npy" for name in names]
    for file in files:
        np.save(file, np.zeros(3))
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return parser.parse_args(["net", *map(str, files), "--out", str(tmp_path / "out"), *flags])


def test_what_an_earlier_recording_left_is_removed_before_anything_is_written(monkeypatch, tmp_path):
    """A process that is killed while it writes leaves no plot or page of another recording beside new tables."""

    def write(folder, stem, prediction):
        assert stem == "a"
        assert sorted(path.name for path in folder.iterdir()) == ["a_b_a.csv", "a_mine.txt"]
        raise KeyboardInterrupt
        yield

    (tmp_path / "out").mkdir()
    for name in ("a_a.csv", "a_b.png", "a_report.html", "a_mine.txt", "a_b_a.csv"):
        (tmp_path / "out" / name).write_text("of another recording")
    with pytest.raises(KeyboardInterrupt):
        predict.run(fake_options(monkeypatch, tmp_path, write))


def test_the_influence_is_computed_once_after_the_prediction_is_told(monkeypatch, tmp_path, capsys):
    told, predictions = [], []

    def write(folder, stem, one):
        predictions.append(one)
        yield "a: found", False

    def with_influence(one):
        told.append(capsys.readouterr().out)
        return f"{one} and why"

    def plots(stem, one):
        assert (stem, one) == ("a", "found and why")
        return {"b": lambda: np.zeros((1, 2, 2, 3), np.uint8)}

    predict.run(fake_options(monkeypatch, tmp_path, write, with_influence=with_influence, plots=plots))
    assert (told, predictions) == (["a: found\n"], ["found"])
    assert capsys.readouterr().out == f"  wrote: {tmp_path / 'out' / 'a_b.gif'}\n"


@pytest.mark.parametrize(
    ("flags", "written", "is_explained"),
    [
        ((), ["a_b.gif", "a_report.html"], True),
        (("--no-plots",), ["a_report.html"], True),
        (("--no-report",), ["a_b.gif"], True),
        (("--no-plots", "--no-report"), [], False),
    ],
)
def test_plots_and_page_are_left_out(flags, written, is_explained, monkeypatch, tmp_path):
    explained = []

    def page(path, *_):
        path.touch()
        return [path]

    parts = {
        "has_page": True,
        "with_influence": lambda one: explained.append(one),
        "plots": lambda stem, one: {"b": lambda: np.zeros((1, 2, 2, 3), np.uint8)},
    }
    options = fake_options(monkeypatch, tmp_path, lambda *_: iter([("found", False)]), flags=flags, **parts)
    monkeypatch.setattr("cardiax.launch.page.prediction.write_page", page)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_b.png").write_text("of an earlier recording")
    predict.run(options)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == written
    assert bool(explained) == is_explained


def test_a_reader_that_stops_reading_loses_no_file(monkeypatch, tmp_path):
    """As `cardiax predict … | head -1` does: lines are printed while later files are not yet written."""

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    def write(folder, stem, prediction):
        yield f"{stem}: found", False
        (folder / stem).mkdir(parents=True)

    options = fake_options(monkeypatch, tmp_path, write, ("first", "second"))
    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        predict.run(options)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["first", "predictions.csv", "second"]


class Found:
    """A prediction."""


def test_of_several_files_one_that_is_refused_leaves_the_others(monkeypatch, tmp_path, capsys):
    held = weakref.WeakSet()

    def found_in(file, **_):
        assert not held, "the predictions of the files before are still in memory"
        if file.stem in ("b", "d"):
            raise InputError(f"{file}: found noise")
        held.add(one := Found())
        return one

    def write(folder, stem, prediction):
        folder.mkdir(exist_ok=True)
        (folder / f"{stem}_a.csv").write_text("new")
        yield f"{stem}: found", False

    def write_together(folder):
        yield "together", False

    options = fake_options(monkeypatch, tmp_path, write, "abcd", predict=found_in, write_together=write_together)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b_a.csv").write_text("of an earlier file")
    (tmp_path / "out" / "all.json").write_text("of earlier files")
    with pytest.raises(InputError, match=r"b.npy and others: 2 of 4 recordings were refused, .* others are in .*out$"):
        predict.run(options)
    assert capsys.readouterr() == (
        f"a: found\nc: found\ntogether\n  wrote: {tmp_path / 'out' / 'predictions.csv'}\n",
        f"refused: {tmp_path / 'b'}.npy: found noise; {tmp_path / 'out'} has outputs of an earlier b\n"
        f"refused: {tmp_path / 'd'}.npy: found noise\n",
    )
    assert (tmp_path / "out" / "b_a.csv").read_text() == "of an earlier file"
    assert not (tmp_path / "out" / "all.json").exists()
    assert read(tmp_path / "out" / "predictions.csv") == (
        ["recording", "refused", "beats", "warnings"],
        [
            ["a", "", "3", ""],
            ["b", f"{tmp_path / 'b'}.npy: found noise", "", ""],
            ["c", "", "3", ""],
            ["d", f"{tmp_path / 'd'}.npy: found noise", "", ""],
        ],
    )


def test_of_several_files_one_that_may_not_be_read_leaves_the_others(monkeypatch, tmp_path, capsys):
    def found_in(file, **_):
        if file.stem == "a":
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return Found()

    options = fake_options(monkeypatch, tmp_path, lambda *_: iter([("found", False)]), "ab", predict=found_in)
    with pytest.raises(InputError, match=r"a.npy: 1 of 2 recordings was refused"):
        predict.run(options)
    assert capsys.readouterr() == (
        f"found\n  wrote: {tmp_path / 'out' / 'predictions.csv'}\n",
        f"refused: {tmp_path}/a.npy: Permission denied; allow it, or choose another path\n",
    )


def test_a_single_file_that_is_refused_is_one_line(monkeypatch, tmp_path, capsys):
    def found_in(file, **_):
        raise InputError(f"{file}: found noise")

    with pytest.raises(InputError, match=r"a.npy: found noise$"):
        predict.run(fake_options(monkeypatch, tmp_path, None, predict=found_in))
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "out").exists()


def test_of_several_files_that_are_all_refused_nothing_is_said_of_others(monkeypatch, tmp_path, capsys):
    def found_in(file, **_):
        raise InputError(f"{file}: found noise")

    with pytest.raises(InputError, match=r"2 of 2 recordings were refused, for the reason above$"):
        predict.run(fake_options(monkeypatch, tmp_path, None, "ab", predict=found_in))
    assert capsys.readouterr().err.count("refused: ") == 2


@pytest.mark.parametrize("network", ["arrhythmia", "activation"])
def test_quiet_leaves_warnings_alone(network, cardiax, tmp_path, monkeypatch, heartbeats, one_beat):
    monkeypatch.setattr(predict, "save_plot", lambda path, draw: [])
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear colleague, ...")
    one = heartbeats(np.arange(0.5, 29, 0.8), 250, 30) if network == "arrhythmia" else -twelve_leads(one_beat)
    np.save(folder / "one.npy", one)
    command = ("predict", network, folder, "--rate", 250 if network == "arrhythmia" else 1000, "--no-report")
    _, told, remarks = cardiax(*command)
    assert "wrote:" in told
    assert {line.split(": ")[1] for line in remarks.splitlines()} == {"note", "warning"} | {str(folder)}
    status, told, quiet = cardiax(*command, "--quiet")
    assert (status, told) == (0, "")
    assert quiet.splitlines() == [line for line in remarks.splitlines() if line.startswith("one: warning: ")]
