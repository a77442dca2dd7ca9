"""What is known of every dataset before any of it is on disk: pure facts, no I/O, no heavy import.

A dataset is written `NAME` or `NAME/CONFIG`, as TFDS writes it. The builders live in `cardiax.datasets`.
"""

from dataclasses import dataclass, field

from cardiax.errors import unknown

AAMI_CLASSES = ("N", "S", "V", "F", "Q")
"""The classes of ANSI/AAMI EC57: normal, supraventricular ectopic, ventricular ectopic, fusion, paced or unknown."""

BEAT_LENGTH = 187
"""Samples in a row of Kaggle's heartbeat files."""

WINDOW_RATE = 180.0
"""Hz, of the beats that are cut around their R peaks."""

WINDOW_BEFORE, WINDOW_AFTER = 72, 120
"""Samples of such a beat before its R peak, 0.4 s, and from it on, 0.67 s."""

WINDOW = 500
"""Samples of an intracardiac recording, one a millisecond."""

NOISE = "noise"
"""The protocol that adds to the default one the same test with real noise and with leads missing."""

FOLDS = ("ds1_fold_1", "ds1_fold_2", "ds1_fold_3", "ds1_fold_4")
"""The protocols of a cross-validation over the patients of DS1, which never opens DS2."""

BY_PATIENT = ("patient", *FOLDS)
"""The protocols that draw whole records of the MIT-BIH Arrhythmia Database."""


@dataclass(frozen=True)
class Dataset:
    """One dataset in one configuration.

    Attributes:
      name: `NAME` or `NAME/CONFIG`.
      kind: what an example is: `beat` (one beat and its label), `intracardiac` (electrodes and the voltages of 75
        sites, 500 ms), or `noise` (what electrodes record besides the heart, to test with and not to learn from).
      rate: samples a second, Hz. Kaggle's page says 125 of both halves; the MIT-BIH half is every third sample of 360.
      protocols: the ways in which it may be split (see `cardiax.protocols`), the default first; `NOISE` splits as the
        default does. Nothing is learnt from a dataset without protocols.
      classes: label names of beats; label i is `classes[i]`.
      counts: examples per class, for each split on disk; empty where the generator or the user decides.
      built_in: True where the dataset is computed, so that nothing has to be fetched.
      by_record: True where what the model is shown of a beat depends on all beats of its record.
      dominant_record: a test record that holds most beats of a class; metrics are reported without it too.
      note: what a reader of its metrics by patient must know.
      single_site_patterns: activation pattern → the one site that it starts at, an index in
        `cardiax.ecg.leads.SITE_NAMES`; such a pattern begins as a stimulus of that site does.
    """

    name: str
    kind: str
    rate: float
    protocols: tuple[str, ...]
    classes: tuple[str, ...] = ()
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    built_in: bool = False
    by_record: bool = False
    dominant_record: int | None = None
    note: str = ""
    single_site_patterns: dict[int, int] = field(default_factory=dict)

    def drawn_by(self, protocol: str) -> str:
        """The protocol that draws the split: that of the name, and for `NOISE` the default one."""
        return self.protocols[0] if protocol == NOISE else protocol


_DOMINANT = 232
"""Of DS2's 1,837 beats of class S this record has 1,382, those of a sick sinus node."""

_NOTE = "record 201 of DS1 is left out of training, since record 202 of DS2 is the same subject"

_INTRACARDIAC_PROTOCOLS = ("random", "published", "volunteer", "pattern", NOISE)

DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="kaggle_heartbeat/mitbih",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            counts={"train": (72471, 2223, 5788, 641, 6431), "test": (18118, 556, 1448, 162, 1608)},
            protocols=("kaggle", "published", NOISE),
        ),
        Dataset(
            name="kaggle_heartbeat/ptbdb",
            kind="beat",
            classes=("normal", "abnormal"),
            rate=125.0,
            counts={"all": (4046, 10506)},
            protocols=("published", NOISE),
        ),
        Dataset(
            name="physionet_mitbih/kaggle",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            counts={"train": (72471, 2223, 5788, 641, 6431), "test": (18118, 556, 1448, 162, 1608)},
            protocols=("kaggle", "published", "patient", NOISE),
            dominant_record=_DOMINANT,
            note=_NOTE,
        ),
        Dataset(
            name="physionet_mitbih/kaggle_patient",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            protocols=("patient", *FOLDS, NOISE),
            dominant_record=_DOMINANT,
            note=_NOTE,
        ),
        Dataset(
            name="physionet_mitbih/patient",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=WINDOW_RATE,
            protocols=("patient", *FOLDS, NOISE),
            dominant_record=_DOMINANT,
            note=_NOTE,
            by_record=True,
        ),
        Dataset(name="physionet_nstdb", kind="noise", rate=360.0, protocols=()),
        Dataset(
            name="simulated_heartbeat",
            kind="beat",
            classes=AAMI_CLASSES,
            rate=120.0,
            protocols=("kaggle", "published", NOISE),
            built_in=True,
        ),
        Dataset(name="ucsd_intracardiac", kind="intracardiac", rate=1000.0, protocols=_INTRACARDIAC_PROTOCOLS),
        Dataset(
            name="simulated_intracardiac",
            kind="intracardiac",
            rate=1000.0,
            protocols=_INTRACARDIAC_PROTOCOLS,
            built_in=True,
            single_site_patterns={20: 17, 21: 19, 22: 16, 23: 30, 24: 32},
        ),
    )
}


def find_dataset(name: str) -> Dataset:
    """The dataset of that name; a name without its `/CONFIG` means the first configuration listed."""
    if name in DATASETS:
        return DATASETS[name]
    for full_name, dataset in DATASETS.items():
        if full_name.split("/")[0] == name:
            return dataset
    raise unknown("dataset", name, DATASETS)
