"""What a mapped step is compiled with; the steps themselves are tested in test_step.py."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from cardiax import parallel


@pytest.fixture(autouse=True)
def fresh():
    parallel._known_on_cpu.cache_clear()
    yield
    parallel._known_on_cpu.cache_clear()


def test_the_installed_xla_knows_every_option():
    mesh = parallel.make_mesh(jax.devices()[:1])
    assert parallel.compiler_options(mesh) == parallel.ON_CPU
    assert jax.jit(lambda x: 2 * x, compiler_options=parallel.compiler_options(mesh))(3.0) == 6.0


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setattr(parallel, "ON_CPU", {**parallel.ON_CPU, "xla_cpu_of_another_year": "true"})
    assert "xla_cpu_of_another_year" not in parallel.compiler_options(parallel.make_mesh(jax.devices()[:1]))
    assert len(parallel.compiler_options(parallel.make_mesh(jax.devices()[:1]))) == 2


def test_other_devices_get_no_options_of_a_cpu():
    mesh = SimpleNamespace(devices=np.array([SimpleNamespace(platform="gpu")]))
    assert parallel.compiler_options(mesh) == {}
