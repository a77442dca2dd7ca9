"""The page as a file: nothing from outside, its policy fits its scripts, and names stay text."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from cardiax.catalog import DISCLAIMER
from cardiax.launch.page import document
from cardiax.launch.page.document import PARTS, as_json, data_of, page

EVIL = "</script><script>alert(1)</script> & <img src=x onerror=alert(2)> \udcff"


class Elements(HTMLParser):
    """Tags with attributes, and the content of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.inside = [], {"script": [], "style": [], "title": []}
        self._open = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open in self.inside:
            self.inside[self._open][-1] += data


@pytest.fixture(scope="module")
def text():
    return page(EVIL, [{"kind": kind, "title": EVIL, "value": np.nan} for kind in PARTS]).decode()


def test_each_sheet_of_paper_says_research_only(text):
    assert f'@bottom-right {{\n    content: "{DISCLAIMER}. ' in text


def test_the_policy_names_each_script_and_style_and_nothing_else(text):
    found = Elements(text)
    policy = next(attributes["content"] for tag, attributes in found.tags if "http-equiv" in attributes)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    kinds = [attributes.get("type") for tag, attributes in found.tags if tag == "script"]
    run = [script for script, kind in zip(found.inside["script"], kinds, strict=True) if kind is None]

    def digests(texts):
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in texts)

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == digests(run)
    assert rules["style-src"] == digests(found.inside["style"])
    assert rules["img-src"] == "data:"
    assert "connect-src" not in rules
    assert len(run) == 3  # three.js, uPlot and ours


def test_nothing_is_loaded_or_evaluated(text):
    found = Elements(text)
    assert not [attributes for _, attributes in found.tags if {"src", "href", "style", "onclick"} & set(attributes)]
    assert {tag for tag, _ in found.tags} <= {"html", "head", "meta", "title", "style", "body", "noscript", "script"}
    assert set(re.findall(r"https?://[^\"'`\s)]*", text)) == {
        "http://www.w3.org/2000/svg",  # names of languages, no addresses
        "http://www.w3.org/1999/xhtml",
    }
    assert not re.search(
        r"\beval\(|new Function\(|\bfetch\(\"|XMLHttpRequest\(\)\.open|import\(", text.split('id="data"')[0]
    )
    ours = "".join(path.read_text() for path in (document.FOLDER / "script").rglob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", ours)


def test_names_stay_text(text):
    found = Elements(text)
    assert found.inside["title"] == [EVIL.replace("\udcff", "?")]
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert "<" not in data
    assert json.loads(data)["title"] == EVIL.replace("\udcff", "?")
    assert data_of(text)["parts"][0] == {"kind": "heart", "title": EVIL.replace("\udcff", "?"), "value": None}
    assert found.inside["script"][0] == data


@pytest.mark.parametrize("text", ["", "<html></html>", '<script type="application/json" id="data">[1]</script>'])
def test_another_file_has_no_data(text):
    assert data_of(text) is None


def test_json_is_ascii_without_values_that_are_not_finite():
    assert as_json({"a": [float("inf"), 1.5, None, "ä<"]}) == '{"a":[null,1.5,null,"\\u00e4\\u003c"]}'


def test_every_script_is_in_a_page_and_no_library_is_changed():
    """The built libraries state their versions, those of package.json; every file of ours is used."""
    vendor = document.FOLDER / "vendor"
    wanted = json.loads((vendor / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, title in (("three", "three.js"), ("uplot", "uPlot")):
        assert (vendor / f"{name}.js").read_text().startswith(f"/* {title} {wanted[name]}, MIT, ")
        assert "Permission is hereby granted" in (vendor / f"{name}.LICENSE.txt").read_text()
    used = {f"shared/{name}" for name in (*document.SHARED, "start")}
    used |= {f"{folder}/{name}" for kind, (folder, _, some) in PARTS.items() for name in (*some, kind)}
    script = document.FOLDER / "script"
    assert {str(path.relative_to(script)).removesuffix(".js") for path in script.rglob("*.js")} == used
    assert not re.search(r"</script|<!--", "".join(path.read_text() for path in document.FOLDER.rglob("*.js")))


def test_the_libraries_are_small():
    assert sum(path.stat().st_size for path in (document.FOLDER / "vendor").iterdir()) < 700_000
