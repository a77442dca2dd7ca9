"""The page's script where it needs no page: `script_test.mjs`, by Node's own test runner."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest


def test_the_script_without_a_page():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js: install version 20 or newer to test the page's script")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.sub(r"v(\d+).*", r"\1", version)) < 20:
        pytest.skip(f"Node.js {version.strip()}: the page's script is tested with 20 or newer")
    command = [node, "--test", str(Path(__file__).with_name("script_test.mjs"))]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
