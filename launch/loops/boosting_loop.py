"""A run of XGBoost, with the same run folder and files as any other model: boost, then test."""

import time
from pathlib import Path

from cardiax import datasets
from cardiax.config import Config
from cardiax.errors import import_extra
from cardiax.launch.evaluation.run_report import Run, report
from cardiax.launch.networks.boosted_trees import TreesEvaluator, beats_and_classes, load_trees
from cardiax.launch.run.environment import record_environment
from cardiax.launch.run.experiment import load_experiment
from cardiax.launch.run.progress import say
from cardiax.launch.run.run_folder import TREES_FILE, Workdir


def boost(config: Config, workdir: Workdir, data_dir: Path | None, memory: float | None = None) -> int:
    """Boost the trees, or load them if they are trained, then test; the arguments are those of `train`. Return 0."""
    started = time.monotonic()
    data_dir = data_dir or datasets.default_data_dir()
    experiment = load_experiment(config, data_dir, say, memory=memory)
    trees = experiment.model
    sides = {side: beats_and_classes(experiment, side) for side in ("train", "validation")}
    say(f"train: {config.task}, xgboost, {len(sides['train'][1]):,} examples, {trees.trees} rounds, in {workdir.path}")
    import_extra("xgboost", "model xgboost")
    record_environment(workdir, config, experiment.fingerprints, data_dir)
    if not (workdir.path / TREES_FILE).exists():
        booster, losses = trees.fit(sides["train"], sides["validation"], config.seed)
        workdir.write_metrics(losses)
        workdir.write(TREES_FILE, bytes(booster.save_raw("ubj")))
        workdir.write_seconds(time.monotonic() - started)
        best = booster.num_boosted_rounds()
        say(f"train: done in {time.monotonic() - started:.0f} s; best round on validation: {best}")
    booster = load_trees(workdir)
    report(Run(workdir, experiment, TreesEvaluator(experiment), booster, booster.num_boosted_rounds()), "test")
    workdir.write_seconds(workdir.seconds(), finished=True)
    return 0
