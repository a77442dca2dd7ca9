"""Show versions, devices, tasks, models, systems, trained networks and datasets: what is prepared, what is missing.

Examples:

  cardiax info
  cardiax info --data-dir data
  TFDS_DATA_DIR=data cardiax info
"""

import argparse

from cardiax.errors import InputError
from cardiax.launch.system.flags import add_data_dir, add_import


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the data and --import."""
    add_import(parser)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> None:
    """Print the devices, versions, tasks, models and datasets."""
    import jax

    from cardiax import datasets
    from cardiax.baselines import SYSTEMS
    from cardiax.catalog import DATASETS, OWN, remember
    from cardiax.datasets.storage.record_files import prepare_command
    from cardiax.launch.networks.trained import list_pretrained
    from cardiax.launch.run.environment import versions
    from cardiax.launch.run.own_data import recorded
    from cardiax.models import MODELS, TREES
    from cardiax.tasks import TASKS

    data_dir = options.data_dir or datasets.default_data_dir()
    lines = {
        "versions": [" ".join(pair) for pair in versions().items()],
        "devices": [f"{device.id}: {device.device_kind} ({device.platform})" for device in jax.devices()],
        "tasks": [f"{task.name}: {task.summary}" for task in TASKS.values()],
        "models": [*MODELS, *TREES],
        "trained networks": list_pretrained(),
        "systems that `cardiax sweep TASK --systems A,B` compares": [
            f"{task}: {name} ({system.summary})"
            for task, systems in SYSTEMS.items()
            for name, system in systems.items()
        ],
        f"datasets in {data_dir}": [],
    }
    found_there = lines[f"datasets in {data_dir}"]
    for path in sorted((data_dir / OWN).glob("*")):
        try:
            if found := recorded(f"{OWN}/{path.name}", data_dir):
                remember(found["dataset"])
        except InputError as error:
            found_there.append(f"{OWN}/{path.name}: damaged ({error}); delete {path} and prepare its files again")
    for name, dataset in DATASETS.items():
        try:
            is_prepared = datasets.is_prepared(name, data_dir)
        except InputError as error:
            found_there.append(str(error))
            continue
        if is_prepared:
            status = "prepared"
        elif dataset.built_in:
            status = "not prepared; the first training run generates it"
        else:
            status = f"missing; `{prepare_command(name, options.data_dir)}` fetches it or says how"
        use = f"split by {', '.join(dataset.protocols)}" if dataset.protocols else "for the protocol noise"
        found_there.append(f"{name} ({use}): {status}")
    for title, entries in lines.items():
        print(title)
        for entry in entries:
            print(f"  {entry}")
