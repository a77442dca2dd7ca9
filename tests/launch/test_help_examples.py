"""The examples of every command's help, and the commands of every page: all are read in full, most are run."""

import contextlib
import glob
import io
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cardiax import datasets
from cardiax.catalog import DATASETS, NOISE, find_dataset
from cardiax.config import to_dict, with_overrides
from cardiax.datasets.simulated_heartbeat import simulated_heartbeat_dataset_builder as beats_builder
from cardiax.datasets.simulated_intracardiac import simulated_intracardiac_dataset_builder as hearts_builder
from cardiax.datasets.storage.electrode_recording import Origin
from cardiax.ecg.leads import twelve_leads
from cardiax.errors import InputError
from cardiax.launch import bench, sweep, train
from cardiax.launch.cli import COMMANDS, parse_command
from cardiax.launch.evaluation import run_report
from cardiax.launch.run.run_folder import write_json
from cardiax.launch.timing.time_to_score import FAST, recipes_of, targets_of
from cardiax.launch.timing.workload import configure
from cardiax.protocols import SPLITS
from cardiax.recipes import recipe
from cardiax.simulate.action_potential import action_potential

ROOT = Path(__file__).resolve().parents[2]


def help_of(name):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        parse_command(name, ["--help"])
    return out.getvalue()


def examples_of(name):
    """The examples at the end of a command's help, a line each."""
    _, _, text = help_of(name).partition("\nexamples:\n")
    return [line.strip() for line in text.splitlines() if line.strip()]


def commands_of_pages():
    """The commands in code blocks of the pages, and those that the results state."""
    for page in sorted(path for folder in ("datasets", "launch", "tests") for path in (ROOT / folder).rglob("*.md")):
        yield from commands_of(page)
    yield from commands_of(ROOT / "README.md")
    for page in sorted((ROOT / "cardiax").rglob("*.md")):
        yield from commands_of(page)
    for path in sorted((ROOT / "launch" / "results").glob("*.json")):
        yield from (one for one in json.loads(path.read_text())["command"] if one.startswith("cardiax "))


def commands_of(page):
    for block in re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE):
        lines = (re.sub(r"^srun (-\S+ )*", "", line) for line in block.replace("\\\n", " ").splitlines())
        yield from (line for line in lines if line.startswith("cardiax "))


EXAMPLES = {name: examples_of(name) for name in COMMANDS}
ALL = [example for some in EXAMPLES.values() for example in some]
PAGES = list(dict.fromkeys(commands_of_pages()))


def words_of(example):
    """The environment variables and the words after `cardiax`, as a shell would pass them."""
    words = shlex.split(example, comments=True)
    start = words.index("cardiax")
    expanded = [sorted(glob.glob(word)) or [word] for word in words[start + 1 :]]
    return dict(word.split("=", 1) for word in words[:start]), [word for some in expanded for word in some]


def read(example):
    """Read a command as far as it can be without its data; raise `InputError` for a mistake in it."""
    _, (name, *arguments) = words_of(example)
    options = parse_command(name, arguments)
    if name == "train":
        config = train.read_options(options)
        assert config.protocol in find_dataset(config.dataset).protocols
        sweep._check([(config, set())])
    elif name == "sweep":
        assert sweep.plan(options)
    elif name == "evaluate":
        assert options.split in SPLITS
        assert options.protocol in (None, NOISE)
    elif name == "prepare":
        named = {known for dataset in DATASETS for known in (dataset, dataset.split("/")[0])}
        assert options.dataset in named or Path(options.dataset).exists()
    elif name == "bench":
        pairs = bench._pairs(options.tasks, options.model, options.scaling)
        assert [configure(*pair, {}, False, options.precision) for pair in pairs]
        asked = options.to_score or []
        assert len(recipes_of(asked)) == (len(asked) if any(asked) else 1 + len(FAST))
        assert targets_of(options.targets)


def write_own_data(folder):
    """beats.csv and more.csv, 240 beats of eight patients, and records/ with four records and classes.csv."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    head = ",".join([*(f"x{i}" for i in range(64)), "label", "patient"])
    waves = [np.arange(64) % (2 + i % 3) + i / 10 for i in range(240)]
    waves = [np.append(wave[:-1], 99.0) for wave in waves]  # scaled to 0 … 1, no two are equal
    rows = [",".join([*map(str, wave), "abc"[i % 3], f"p{i // 30}"]) for i, wave in enumerate(waves)]
    for name in ("beats.csv", "more.csv"):
        (folder / name).write_text("\n".join([head, *rows]))
    (folder / "records").mkdir()
    (folder / "classes.csv").write_text("symbol,class\nN,normal\nV,early\n")
    for name in "abcd":
        lead = np.random.default_rng(ord(name)).normal(size=(1200, 1))
        wfdb.wrsamp(name, 100, ["mV"], ["II"], lead, fmt=["16"], write_dir="records")
        wfdb.wrann(name, "atr", np.arange(100, 1100, 100), list("NNVNNNVNNN"), write_dir="records")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_three_examples_of_its_command(name):
    assert len(EXAMPLES[name]) >= 3
    assert len(set(EXAMPLES[name])) == len(EXAMPLES[name])
    assert all(words_of(example)[1][0] == name for example in EXAMPLES[name])
    assert not re.search(r"[Ee]xamples?:", help_of(name).partition("\nexamples:\n")[0])


@pytest.mark.parametrize("example", [*ALL, *PAGES])
def test_every_example_is_read(example, here, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(here / "data"))
    if re.search(r"beats\.csv|records/", example):
        write_own_data(here)
    write_json(here / "runs" / "mine" / "config.json", to_dict(recipe("arrhythmia")))
    read(example)


def test_pages_have_commands():
    assert len(PAGES) > 20


@pytest.mark.parametrize(
    "example",
    [
        "cardiax train arrhythmia --model reference_cnn --optimizer.lerning_rate 1e-3",
        "cardiax train heartbeat --dataset kaggle_heartbeat/mitbhi",
        "cardiax train heartbeat --model reference_cn --epochs 2",
        "cardiax train arrhythmia --protocol pattern",
        "cardiax train arrhythmia --model_args 'width=(16,32)'",
        "cardiax sweep arrhythmia --dataset physionet_mitbih/kagle",
        "cardiax sweep arrhythmia --systems cardiax,cn",
        "cardiax sweep activation --protocols random,volunter",
        "cardiax sweep arrhythmia --grid optimizer.rate=1",
        "cardiax predict runs/hearts beat.npy --raet 1000",
        "cardiax bench heartbeat --model resnet",
        "cardiax bench --to-score epoch=3",
        "cardiax info --datadir data",
    ],
)
def test_a_misspelt_word_is_found(example, here):
    with pytest.raises((InputError, AssertionError)):
        read(example)


PLAIN = "--steps 2 --ema 0 --augmentation.stretch 0 --augmentation.noise 0"
BEATS = f"{PLAIN} --augmentation.warp 0 --augmentation.mixup 0 --batch_size 64 --model_args widths=(8,),blocks=1"
HEARTS = f"{PLAIN} --batch_size 8 --model_args widths=(8,8),blocks=1,hidden=8"
RUN = {
    "cardiax info": "",
    "cardiax prepare kaggle_heartbeat --manual-dir archive.zip": "",
    "cardiax prepare simulated_heartbeat --again": "",
    "cardiax prepare simulated_intracardiac --raw hearts": "",
    "cardiax info --data-dir data": "",
    "TFDS_DATA_DIR=data cardiax info": "",
    "cardiax train arrhythmia": BEATS,
    "cardiax train heartbeat --dataset kaggle_heartbeat/mitbih --workdir runs/mine --seed 1": BEATS,
    "cardiax train activation --workdir runs/hearts": HEARTS,
    "cardiax prepare beats.csv --groups patient": "",
    "cardiax train arrhythmia --dataset beats.csv --workdir runs/table": BEATS,
    "cardiax predict runs/table more.csv": "",
    "cardiax sweep arrhythmia --seeds 8 --grid optimizer.learning_rate=1e-3,3e-3": f"--seeds 3 {BEATS}",
    "cardiax evaluate runs/mine": "",
    "cardiax evaluate runs/mine --protocol noise": "",
    "cardiax evaluate runs/hearts --noise 12": "",
    "cardiax evaluate runs/mine-seed0 runs/mine-seed1 runs/mine-seed2 --split validation": "",
    "cardiax evaluate sweeps/arrhythmia-simulated_heartbeat": "",
    "cardiax export runs/mine --out bundles/mine": "",
    "cardiax export runs/hearts --out bundles/hearts --license cc-by-4.0": "",
    "cardiax predict runs/hearts beat.npy --rate 1000": "",
    "cardiax predict runs/hearts holter.hea --start 12345 --out predictions": "",
    "cardiax predict runs/hearts export.npy --rate 500 --leads I,II,III,aVR,aVF,aVL,V1,V2,V3,V4,V5,V6": "",
    "cardiax report runs/mine --out mine.html": "",
    "cardiax report runs/mine-seed0 runs/mine-seed1 runs/mine-seed2 --out seeds.html": "",
    "cardiax report sweeps/arrhythmia-simulated_heartbeat --out sweep.html": "",
    "cardiax report runs/hearts --out hearts.html": "",
    "cardiax report predictions --out recordings.html": "",
    "cardiax leakage sweeps/arrhythmia-physionet_mitbih-kaggle/cardiax-*": "",
    "cardiax leakage runs/kaggle runs/patient --out leakage": "",
    "cardiax leakage runs/kaggle-seed0 runs/kaggle-seed1 runs/patient-seed0 runs/patient-seed1": "",
    "cardiax likeness": "",
    "cardiax likeness --beats 10": "",
}
"""Examples in the order of what they need → cheap settings that are appended. The rest needs records, a download, the
extra `bench`, or minutes, and is only read."""


def recordings():
    """Twenty recordings of one volunteer, in the place of simulated hearts: origin, electrodes, voltage."""
    random = np.random.default_rng(0)
    for number in range(20):
        voltage = action_potential(np.arange(500.0)[:, None] - random.uniform(5, 150, 75), np.full(75, 250.0))
        electrodes = np.asarray(voltage @ random.normal(size=(75, 10)) / 500, np.float32)
        yield Origin(1, number, -1, 1000, -1, "series"), electrodes, np.asarray(voltage, np.float32)


def write_noises(wfdb, folder):
    """The three records of PhysioNet's Noise Stress Test Database, of random numbers."""
    folder.mkdir()
    for name in ("bw", "em", "ma"):
        units = np.random.default_rng(0).integers(-1000, 1000, (650_000, 2))
        form = {"fmt": ["212", "212"], "adc_gain": [200, 100], "baseline": [0, 10], "sig_name": ["noise1", "noise2"]}
        wfdb.wrsamp(name, 360, ["mV", "mV"], d_signal=units, write_dir=str(folder), **form)


def write_recordings(wfdb):
    """beat.npy and export.npy, 500 and 250 samples of twelve leads, and holter.hea with 20 s of it, from 345 ms on."""
    waves = np.exp(-(((np.arange(500)[:, None] - [80, 100, 120, 300]) / [8, 10, 12, 40]) ** 2))
    beat = np.asarray(twelve_leads(waves @ np.random.default_rng(0).normal(size=(4, 10))))
    np.save("beat.npy", beat)
    np.save("export.npy", beat[::2][:, [0, 1, 2, 3, 5, 4, *range(6, 12)]])  # aVF before aVL
    names = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    wfdb.wrsamp(
        "holter", 1000, ["mV"] * 12, names, np.roll(np.tile(beat, (40, 1)), 345, axis=0).astype(float), fmt=["16"] * 12
    )


def write_runs_of_leakage():
    """The files that `leakage` reads, of runs by Kaggle's split and by patient."""
    for seed, protocol in ((seed, protocol) for seed in (0, 1) for protocol in ("kaggle", "patient")):
        config = with_overrides(recipe("arrhythmia", "physionet_mitbih/kaggle"), {"protocol": protocol, "seed": seed})
        figure = {"value": 0.5 + 0.1 * seed}
        found = {"accuracy": figure, "macro_f1": figure, "classes": {name: {"f1": figure} for name in "NSVFQ"}}
        for folder in (
            Path("sweeps", "arrhythmia-physionet_mitbih-kaggle", f"cardiax-{protocol}-seed{seed}"),
            Path("runs", f"{protocol}-seed{seed}"),
            Path("runs", protocol),
        ):
            write_json(folder / "config.json", to_dict(config))
            write_json(folder / "test.json", found)


@pytest.fixture
def small_world(here, kaggle_folder, cardiax, monkeypatch):
    """A current folder with what the examples expect, and small simulated datasets."""
    wfdb = pytest.importorskip("wfdb", reason="needs the extra cardiax[wfdb]")
    monkeypatch.setenv("TFDS_DATA_DIR", str(here / "data"))
    monkeypatch.setattr(beats_builder, "BEATS", {"train": 600, "test": 200})
    monkeypatch.setattr(beats_builder, "CHUNK", 200)
    monkeypatch.setattr(hearts_builder, "simulate", lambda *some, **more: recordings())
    monkeypatch.setattr(hearts_builder, "BEATS", 20)
    monkeypatch.setattr(hearts_builder, "VOLUNTEERS", 1)
    monkeypatch.setattr(hearts_builder.write_raw, "__defaults__", (20, 1, None))
    load, labels = datasets.load, np.arange(50) % 5
    beats = np.where(np.arange(187) < (60 + 20 * labels)[:, None], np.float32(0.5), np.float32(0))
    rows = {"beat": beats, "label": labels, "record": 100 + labels}
    mitbih = {"train": rows, "test": rows}
    monkeypatch.setattr(datasets, "load", lambda name, at: mitbih if "physionet_mitbih" in name else load(name, at))
    monkeypatch.setattr(run_report, "save_plot", lambda path, draw: [])  # most of the time of a small run
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **settings: None)
    shutil.make_archive("archive", "zip", kaggle_folder)
    write_noises(wfdb, here / "noises")
    datasets.prepare("physionet_nstdb", here / "data", here / "noises")
    write_recordings(wfdb)
    write_runs_of_leakage()
    return here


@pytest.mark.slow
def test_examples_run_in_turn(small_world, cardiax, monkeypatch):
    assert set(RUN) <= set(ALL)
    write_own_data(small_world)
    for example, more in RUN.items():
        if example.startswith("cardiax evaluate runs/mine-seed0"):
            for seed in range(3):
                member = (
                    f"sweeps/arrhythmia-simulated_heartbeat/resnet1d-optimizer.learning_rate=1e-3-kaggle-seed{seed}"
                )
                shutil.copytree(member, f"runs/mine-seed{seed}")
        with monkeypatch.context() as patch:
            variables, words = words_of(example)
            for name, value in variables.items():
                patch.setenv(name, value)
            status, out, error = cardiax(*words, *more.split())
        assert status == 0, f"{example}: {error}"
        assert out, example
