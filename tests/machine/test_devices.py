"""Options for the CPU's compiler, where this version of XLA has them."""

import jax
import numpy as np
import pytest

from pcsa_jax.machine import devices
from pcsa_jax.machine.devices import CPU_OPTIONS, REPLICATED, SHARED, Devices, cpu_options


@pytest.fixture
def fresh():
    cpu_options.cache_clear()
    yield
    cpu_options.cache_clear()


def test_an_option_that_xla_does_not_have_is_left_out(fresh, monkeypatch):
    assert cpu_options() == CPU_OPTIONS
    cpu_options.cache_clear()
    monkeypatch.setattr(devices, "CPU_OPTIONS", {"xla_cpu_of_another_time": True})
    assert cpu_options() is None
    several = Devices.of(jax.devices())
    double = several.compile(lambda x: 2 * x, inputs=(SHARED,), outputs=SHARED)
    np.testing.assert_array_equal(double(several.share(np.ones((len(several), 3)))), np.full((len(several), 3), 2.0))


def test_programs_for_the_cpu_are_compiled_with_them(fresh, monkeypatch):
    seen, jit = [], jax.jit
    monkeypatch.setattr(jax, "jit", lambda f, **options: (seen.append(options.get("compiler_options")), jit(f))[1])
    Devices.of(jax.devices()).compile(lambda x: x, inputs=(REPLICATED,), outputs=REPLICATED)
    assert seen[-1] == CPU_OPTIONS


def test_the_cpu_s_memory_is_the_host_s():
    assert not Devices.of(jax.devices("cpu")).have_own_memory
