"""What a mapped step is compiled with; the steps themselves are tested in test_step.py."""

from types import SimpleNamespace

import jax
import numpy as np

from cardiax.training import device_mesh


def test_the_installed_xla_knows_every_option():
    mesh = device_mesh.make_mesh(jax.devices()[:1])
    assert device_mesh.compiler_options(mesh) == device_mesh.ON_CPU
    assert jax.jit(lambda x: 2 * x, compiler_options=device_mesh.compiler_options(mesh))(3.0) == 6.0


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setattr(device_mesh, "ON_CPU", {**device_mesh.ON_CPU, "xla_cpu_of_another_year": "true"})
    assert "xla_cpu_of_another_year" not in device_mesh.compiler_options(device_mesh.make_mesh(jax.devices()[:1]))
    assert len(device_mesh.compiler_options(device_mesh.make_mesh(jax.devices()[:1]))) == 2


def test_other_devices_get_no_options_of_a_cpu():
    mesh = SimpleNamespace(devices=np.array([SimpleNamespace(platform="gpu")]))
    assert device_mesh.compiler_options(mesh) == {}
