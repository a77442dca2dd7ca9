"""Disturb commands at the calls that change files, and see whether the same command then ends in the same bits.

  python -m tests.campaign kills --out DIR --minutes 60
  python -m tests.campaign faults --out DIR --seed 1 --scenarios train,prepare

`kills` ends the process before a call, by SIGKILL, by SIGKILL with the loss of contents that were not synchronised (as
in a power cut), or by SIGTERM. `faults` lets the call fail, for lack of space and so on. Results are lines of
DIR/kills.jsonl or DIR/faults.jsonl; the same command goes on after the last one.
"""

import argparse
import importlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.campaign import corruption, inputs
from tests.campaign.disturbance import FAULTS, KILLS, World
from tests.campaign.scenarios import SCENARIOS

HERE = Path(__file__).resolve().parent

WARM = ("prepare", "sweep", "evaluate", "export", "predict", "loops.training_loop", "api")
"""Modules that are imported before the forks, none of which starts a device."""


def main() -> int:
    """Run a campaign; return 1 if a disturbance changed a result."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("kills", "faults", "inputs", "corruption"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results and of the work")
    parser.add_argument("--seed", type=int, default=0, help="order of the disturbances")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no disturbance after this time")
    parser.add_argument("--count", type=int, default=10**9, help="number of disturbances, earlier ones included")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, separated by commas")
    parser.add_argument("--readers", metavar="A,B", help="readers of `inputs`, by default all")
    parser.add_argument("--files", default="", metavar="PREFIX", help="files of `corruption`, by default all")
    options = parser.parse_args()
    if options.kind in ("inputs", "corruption"):
        return (inputs if options.kind == "inputs" else corruption).campaign(options)
    preload(options.out.resolve())
    return campaign(options)


def preload(out: Path) -> None:
    """Compile the library that counts system calls, and start this command again with it."""
    library = out / "system_calls.so"
    if os.environ.get("LD_PRELOAD") == str(library):
        return
    out.mkdir(parents=True, exist_ok=True)
    source = HERE / "system_calls.c"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    settings = {
        "LD_PRELOAD": str(library),
        "JAX_COMPILATION_CACHE_DIR": str(out / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    os.execve(sys.executable, [sys.executable, "-m", "tests.campaign", *sys.argv[1:]], os.environ | settings)


def campaign(options: argparse.Namespace) -> int:
    """Draw disturbances until the time is over, all calls of all scenarios are done, or there are enough."""
    for module in WARM:
        importlib.import_module(f"cardiax.launch.{module}")
    results, end = options.out / f"{options.kind}.jsonl", time.monotonic() + 60 * options.minutes
    lines = results.read_text().splitlines() if results.exists() else []
    done = {(one["scenario"], one["how"], one["call"]): one for one in map(json.loads, lines)}
    actions = KILLS if options.kind == "kills" else FAULTS
    worlds = {name: World(SCENARIOS[name], options.out / name) for name in options.scenarios.split(",")}
    chosen = [
        (name, how, call)
        for name, world in worlds.items()
        for how, call in itertools.product(actions, range(1, world.calls + 1))
    ]
    random.Random(options.seed).shuffle(chosen)
    for name, how, call in chosen:
        if len(done) >= options.count or time.monotonic() > end:
            break
        if (name, how, call) in done:
            continue
        what, verdict = worlds[name].disturb(how, call)
        one = {"scenario": name, "how": how, "call": call, "what": what, "verdict": verdict}
        with results.open("a") as file:
            file.write(json.dumps(one) + "\n")
        done[name, how, call] = one
        if verdict != "same":
            print(json.dumps(one), flush=True)
    for name, world in worlds.items():
        own = [one for one in done.values() if one["scenario"] == name]
        print(f"{name}: {world.calls} calls, {len(own)} disturbances")
    wrong = sum(one["verdict"] != "same" for one in done.values())
    print(f"{len(done)} {options.kind}, {wrong} differing")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
