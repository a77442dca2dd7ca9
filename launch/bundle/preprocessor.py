"""The content of preprocessor.json: what the inputs and the outputs of a network are, for programs without cardiax."""

import shlex
from typing import Any

from cardiax.catalog import BEAT_LENGTH, WINDOW_AFTER, WINDOW_BEFORE, WINDOW_RATE, Dataset, find_dataset
from cardiax.config import Config
from cardiax.ecg.beat_windows import HIGH_PASS
from cardiax.ecg.leads import LEADS, SITE_NAMES
from cardiax.ecg.rr_features import LEAST_RANGE, RR_FEATURES
from cardiax.launch.run.run_folder import CALIBRATION
from cardiax.tasks import task_of


def describe(config: Config, output_shape: tuple[int, ...], is_calibrated: bool = False) -> dict[str, Any]:
    """Return the inputs by name, the output, (batch, *output_shape), and the steps from a recording to the inputs."""
    task, dataset = task_of(config), find_dataset(config.dataset)
    what = _of_dataset(dataset, config.augmentation.shift)
    inputs = {
        name: {"shape": ["batch", *shape], "dtype": "float32", **what["inputs"].get(name, {})}
        for name, shape in task.shapes(dataset).items()
    }
    output = {"shape": ["batch", *output_shape], "dtype": "float32", **_output(task, output_shape)}
    if is_calibrated:
        output["quantity"] = f"logits; softmax(logits / temperature) with that of {CALIBRATION} gives the probabilities"
    return {"task": task.name, "inputs": inputs, "output": output, "steps": what["steps"]}


def _of_dataset(dataset: Dataset, shift: int) -> dict[str, Any]:
    """Describe inputs and the steps that make them, for beats shifted by up to `shift` ms; none of your own dataset."""
    if dataset.kind == "intracardiac":
        leads = {"unit": "mV", "sampling_rate_hz": dataset.rate, "axes": ["time", "lead"], "leads": list(LEADS)}
        early = f" or up to {shift} ms earlier" if shift else ""
        steps = [
            f"Cut 500 ms that begin where the ventricles start to activate{early}; 0 mV is the voltage before that.",
            f"Resample to {dataset.rate:g} Hz; no filter is applied.",
            "From electrodes: W = (RA + LA + LL)/3; I = LA - RA, II = LL - RA, III = LL - LA; aVR, aVL, aVF = "
            "3/2 (RA, LA, LL - W); V1 to V6 minus W.",
        ]
        return {"inputs": {"leads": leads}, "steps": steps}
    if dataset.kind != "beat":
        return {"inputs": {}, "steps": []}
    scaled: dict[str, Any] = {"unit": "1, each beat scaled to 0 ... 1"}
    scaled |= {"sampling_rate_hz": dataset.rate} if dataset.rate else {}
    if dataset.own and not dataset.by_record:
        steps = [
            f"Take a beat as a row of {shlex.split(dataset.made_by)[0]} had it, {dataset.shape[0]} samples of each of "
            f"{dataset.shape[1]} leads; how it was cut out of a recording is not known here.",
            "Scale it: the least value of all leads to 0, the greatest to 1; a beat without a range is 0.",
        ]
        return {"inputs": {"leads": scaled | {"axes": ["sample", "lead"]}}, "steps": steps}
    if not dataset.by_record:
        steps = [
            f"Resample the lead to {dataset.rate:g} Hz.",
            "Cut from the R peak of the beat to a fifth of an RR interval after the next R peak.",
            "Scale the segment: its least value to 0, its greatest to 1.",
            f"Keep at most {BEAT_LENGTH} samples, and append zeros up to {BEAT_LENGTH}.",
        ]
        leads = scaled | {"axes": ["time", "lead"], "leads": ["one lead, any"]}
        return {"inputs": {"leads": leads}, "steps": steps}
    window = {
        "unit": f"range of the lead's median beat + {LEAST_RANGE:g} mV",
        "sampling_rate_hz": WINDOW_RATE,
        "axes": ["time", "lead"],
        "leads": ["MLII or II if there is one, else the first", "the next lead, 0 if there is none"],
        "r_peak_at_sample": WINDOW_BEFORE,
    }
    steps = [
        "Convert each lead to mV.",
        f"Resample to {WINDOW_RATE:g} Hz (scipy.signal.resample_poly).",
        f"Apply a Butterworth high-pass filter of order 2 at {HIGH_PASS:g} Hz forwards and backwards "
        "(scipy.signal.sosfiltfilt).",
        f"Cut {WINDOW_BEFORE} samples before each R peak and {WINDOW_AFTER} from it on.",
        "Take the median of all beats of the recording, sample by sample: the median beat.",
        f"leads: the beat, deviation: the beat minus the median beat, both divided by the median beat's range + "
        f"{LEAST_RANGE:g} mV, lead by lead.",
        "rr: see cardiax.ecg.rr_features.rr_features; the features need the R peaks of the whole recording.",
    ]
    rr = {"unit": "1, but log_median_s is the log of a time in s", "features": list(RR_FEATURES)}
    return {"inputs": {"leads": window, "deviation": window, "rr": rr}, "steps": steps}


def _output(task: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    if classes := getattr(task, "classes", None):
        return {"quantity": "logits; softmax gives the probabilities", "unit": "1", "classes": list(classes)}
    if shape[-1:] != (len(SITE_NAMES),) or getattr(task, "kind", "") != "intracardiac":
        return {}
    if len(shape) == 1:
        quantity = {"quantity": "activation time after the first sample", "unit": "ms"}
    else:
        quantity = {"quantity": "transmembrane voltage", "unit": "mV", "axes": ["time, 1 ms", "site"]}
    return quantity | {"sites": list(SITE_NAMES)}
