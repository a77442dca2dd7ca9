"""Disturb commands at their calls on files, and see whether the same command then leaves bit-identical files.

  python -m tests.campaign kills --out DIR --minutes 60
  python -m tests.campaign faults --out DIR --seed 1 --scenarios train,prepare

`kills` ends the process before a call, by SIGKILL, by SIGKILL with the loss of contents that were not synchronised (as
in a power cut), or by SIGTERM, or after a time. `faults` lets the call fail, for lack of space and so on. Results are
lines of DIR/kills.jsonl or DIR/faults.jsonl; the same command goes on after the last one.
"""

import argparse
import collections
import ctypes
import gc
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.campaign import corruption, inputs
from tests.campaign.disturbance import FAULTS, KILLS, World, plot_pixels
from tests.campaign.scenarios import SCENARIOS

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run a campaign; return 1 if a disturbance changed a result."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("kills", "faults", "inputs", "corruption"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results and of the work")
    parser.add_argument("--seed", type=int, default=0, help="order of the disturbances")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no disturbance after this time")
    parser.add_argument("--count", type=int, default=10**9, help="number of chains, earlier ones included")
    parser.add_argument("--chain", type=int, default=4, metavar="N", help="disturbances, then the undisturbed command")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, separated by commas")
    parser.add_argument("--readers", metavar="A,B", help="readers of `inputs`, by default all")
    parser.add_argument("--files", default="", metavar="A,B", help="first letters of files of `corruption`")
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
        "PYTHONHASHSEED": "0",
    }
    # Without random addresses: on them depends in which order protobuf writes the fields of a dataset's record.
    ctypes.CDLL(None).personality(0x0040000)
    os.execve(sys.executable, [sys.executable, "-m", "tests.campaign", *sys.argv[1:]], os.environ | settings)


def campaign(options: argparse.Namespace) -> int:
    """Draw disturbances until the time is over, all calls of all scenarios are done, or there are enough."""
    plot_pixels()
    results, end = options.out / f"{options.kind}.jsonl", time.monotonic() + 60 * options.minutes
    lines = results.read_text().splitlines() if results.exists() else []
    done = {(one["scenario"], one["how"], one["call"]): one for one in map(json.loads, lines)}
    actions = list(KILLS if options.kind == "kills" else FAULTS)
    worlds = {name: World(SCENARIOS[name], options.out / name) for name in options.scenarios.split(",")}
    gc.freeze()
    lists = [[(name, *one) for one in order(world, actions, options.seed)] for name, world in worlds.items()]
    for name, how, call in filter(None, itertools.chain.from_iterable(itertools.zip_longest(*lists))):
        if len(done) >= options.count or time.monotonic() > end:
            break
        if (name, how, call) in done:
            continue
        draw, steps = random.Random(f"{options.seed} {name} {how} {call}"), [(how, call)]
        for other in draw.choices(actions, k=options.chain - 1):
            steps.append((other, draw.choice(calls_of(worlds[name], other))))
        steps = [(how, draw.random() if how == "kill after a time" else call) for how, call in steps]
        hits, what, verdict = worlds[name].disturb(steps)
        one = {"scenario": name, "how": how, "call": call, "hits": hits, "what": what, "verdict": verdict}
        with results.open("a") as file:
            file.write(json.dumps(one) + "\n")
        done[name, how, call] = one
        if verdict != "same":
            print(json.dumps(one), flush=True)
    for name, world in worlds.items():
        own = [one for one in done.values() if one["scenario"] == name]
        print(
            f"{name}: {len(world.calls)} calls, {len(own)} chains of {sum(one['hits'] for one in own)} {options.kind}"
        )
    wrong = sum(one["verdict"] != "same" for one in done.values())
    print(f"{sum(one['hits'] for one in done.values())} {options.kind}, {wrong} differing")
    return int(wrong > 0)


def order(world: World, actions: list[str], seed: int) -> list[tuple[str, int]]:
    """Return each action at each call, as the first of a chain. Of calls that differ only in the digits of their path
    the first has its turn before any second one."""
    chosen = [(how, call) for how in actions for call in calls_of(world, how)]
    random.Random(seed).shuffle(chosen)
    turns, seen = {}, collections.Counter()
    for how, call in chosen:
        kind = how, re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", world.calls[call - 1])
        turns[how, call] = seen[kind]
        seen[kind] += 1
    return sorted(chosen, key=lambda one: turns[one])


def calls_of(world: World, how: str) -> list[int]:
    """Return the calls at which something can be done: kills where files change, half of a read or of a write."""
    if how == "no HOME":
        return [1]
    kept = {"half once": r"#?p?(read|write) ", "late once": "#(open|stat) "}
    kept = kept.get(how, "[^#]" if how in (*KILLS, "ENOSPC", "EROFS") else "")
    return [number for number, call in enumerate(world.calls, 1) if re.match(kept, call)]


if __name__ == "__main__":
    sys.exit(main())
