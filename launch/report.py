"""What a run found: a printed table, test.json and the confusion matrix."""

from typing import Any

import jax

from cardiax.catalog import find_dataset
from cardiax.figures.beats import beats_figure
from cardiax.figures.confusion import confusion_figure
from cardiax.launch.experiment import Experiment
from cardiax.launch.progress import say
from cardiax.launch.workdir import Workdir
from cardiax.metrics import bootstrap_intervals

LEVEL = 0.95
RESAMPLES = 2000


def report(workdir: Workdir, experiment: Experiment, split: str, figures: dict[str, Any], step: int) -> dict[str, Any]:
    """Write `split`.json and two pictures from the figures of `task.summarize`, print the table, return the JSON.

    The file holds results and no times, so that equal runs give equal files.
    """
    task, config = experiment.task, experiment.config
    confusion = figures["confusion"]
    intervals = bootstrap_intervals(confusion, RESAMPLES, level=LEVEL)

    def with_interval(name: str, index: int | None = None) -> dict[str, float]:
        place = () if index is None else (index,)
        low, high = (float(bound[place]) for bound in intervals[name])
        return {"value": float(figures[name][place]), "low": low, "high": high}

    result = {
        "task": config.task,
        "dataset": config.dataset,
        "protocol": config.split,
        "split": split,
        "model": config.model,
        "seed": config.seed,
        "step": step,
        "examples": int(confusion.sum()),
        "interval": f"{LEVEL:.0%} percentile bootstrap over beats, {RESAMPLES} resamples",
        "loss": figures["loss"],
        "accuracy": with_interval("accuracy"),
        "macro_f1": with_interval("macro_f1"),
        "classes": {
            name: {"examples": int(confusion[i].sum())}
            | {figure: with_interval(figure, i) for figure in ("precision", "recall", "f1")}
            for i, name in enumerate(task.classes)
        },
        "confusion": confusion.tolist(),
    }
    if jax.process_index() == 0:
        title = (
            f"{config.dataset}, {split} set of {result['examples']:,} beats\n"
            f"accuracy {result['accuracy']['value']:.4f}, macro-F1 {result['macro_f1']['value']:.4f}"
        )
        beats, targets = (experiment.arrays[name][experiment.split[split]] for name in ("input", "target"))
        rate = find_dataset(config.dataset).rate
        pictures = [
            workdir.save_figure(f"{split}_beats", beats_figure(beats[:, :, 0], targets, task.classes, rate)),
            workdir.save_figure(f"{split}_confusion", confusion_figure(confusion, task.classes, title)),
        ]
        workdir.write_json(f"{split}.json", result)
        say(table(result))
        say(f"wrote: {', '.join(map(str, (workdir.path / f'{split}.json', *pictures)))}")
    return result


def table(result: dict[str, Any]) -> str:
    """The result as text: a line for each class, then the figures of all, with their intervals."""
    lines = [f"{'class':<10}{'beats':>8}  {'precision':^22}  {'recall':^22}  {'F1':^22}"]
    for name, row in result["classes"].items():
        cells = "  ".join(_cell(row[figure]) for figure in ("precision", "recall", "f1"))
        lines.append(f"{name:<10}{row['examples']:>8,}  {cells}")
    lines.append(f"accuracy  {_cell(result['accuracy'])}   macro-F1  {_cell(result['macro_f1'])}")
    lines.append(f"on {result['examples']:,} {result['split']} beats of {result['dataset']} ({result['interval']})")
    return "\n".join(lines)


def _cell(figure: dict[str, float]) -> str:
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"
