"""The page as one HTML file: style, scripts and data inline, under a policy that allows nothing else."""

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cardiax
from cardiax.catalog import DISCLAIMER

FOLDER = Path(__file__).parent

SHARED = ("base", "plots", "ecg_paper", "keys")
"""Scripts that every page has, before those of its parts; `start` is the last one."""

PARTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "heart": ("heart", ("three", "uplot"), ("bulls_eye", "pointers", "heart_scene", "heart_site", "heart_values")),
    "rhythm": ("rhythm", ("uplot",), ("holter_strip", "holter_day", "median_beats")),
    "run": ("run", ("uplot",), ("confusion",)),
    "comparison": ("run", (), ()),
}
"""Kind of a part → the folder of its scripts and its style, below script/; the libraries that draw it, below vendor/;
and its scripts beside that of its name."""


def page(title: str, parts: Sequence[dict[str, Any]]) -> bytes:
    """Return a page as HTML, which opens offline and loads nothing.

    Its Content-Security-Policy names the SHA-256 of each script and style, so that no other can run. The data are JSON
    in which `<` is escaped; the script writes names as text only. `parts` are the data of each part, whose `kind` is a
    key of `PARTS`; numbers that are not finite become null.
    """
    kinds = list(dict.fromkeys(part["kind"] for part in parts))
    libraries, styles, own = {}, {}, [f"shared/{name}" for name in SHARED]
    for kind in kinds:
        folder, needed, scripts = PARTS[kind]
        libraries |= dict.fromkeys(needed)
        styles[f"script/{folder}/{folder}.css"] = None
        own += [f"{folder}/{name}" for name in (*scripts, kind)]
    scripts = [_read(f"vendor/{name}.js") for name in libraries]
    scripts.append("\n".join(_read(f"script/{name}.js") for name in [*own, "shared/start"]))
    style = "\n".join(map(_read, ["vendor/uplot.css", *styles, "script/shared/style.css"]))
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_digest, scripts))}; style-src {_digest(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    told = {"title": title, "disclaimer": DISCLAIMER, "version": cardiax.__version__, "parts": parts}
    told["licences"] = [_read(f"vendor/{name}.LICENSE.txt") for name in libraries]
    body = "".join(f"<script>{script}</script>\n" for script in scripts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(_clean(title))}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<noscript>This page draws its data with JavaScript, which is off. {DISCLAIMER}.</noscript>\n"
        f'<script type="application/json" id="data">{as_json(told)}</script>\n{body}</body>\n</html>\n'
    ).encode()


def data_of(text: str) -> dict[str, Any] | None:
    """Return the data of a page, or None if `text` is no page of cardiax."""
    _, begin, rest = text.partition('<script type="application/json" id="data">')
    data, end, _ = rest.partition("</script>")
    try:
        found = json.loads(data) if begin and end else None
    except ValueError:
        return None
    parts = found.get("parts") if isinstance(found, dict) and isinstance(found.get("title"), str) else None
    is_ours = isinstance(parts, list) and all(isinstance(one, dict) and one.get("kind") in PARTS for one in parts)
    return found if is_ours else None


def as_json(value: Any) -> str:
    """Return `value` as ASCII JSON without `<`; a number that is not finite becomes null."""
    return json.dumps(_plain(value), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return _clean(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _clean(text: str) -> str:
    """Replace the bytes of a file's name that are no text."""
    return text.encode(errors="replace").decode()


def _read(path: str) -> str:
    return (FOLDER / path).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
