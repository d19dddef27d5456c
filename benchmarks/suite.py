"""The benchmarks by name."""

import importlib
from typing import NamedTuple

from benchmarks.duel import Say
from benchmarks.results import Row


class Benchmark(NamedTuple):
    """One benchmark.

    Attributes:
      function: ``MODULE:FUNCTION`` of say -> rows.
      title: heading of its table.
      minutes: about how long it takes on two cores.
      is_default: whether it runs when no names are given.
    """

    function: str
    title: str
    minutes: float
    is_default: bool = True

    def measure(self, say: Say) -> list[Row]:
        module, function = self.function.split(":")
        return getattr(importlib.import_module(module), function)(say)


SUITE = {
    "networks": Benchmark("benchmarks.networks:measure_networks", "Generator", 2),
    "step": Benchmark("benchmarks.networks:measure_step", "Training step", 2),
    "slow_peers": Benchmark("benchmarks.networks:measure_slow_peers", "torch.compile and plain flax", 3),
    "attention": Benchmark("benchmarks.attention:measure_attention", "Self-attention", 2),
    "ssim": Benchmark("benchmarks.similarity:measure_ssim", "SSIM", 0.3),
    "scoring": Benchmark("benchmarks.similarity:measure_scoring", "Scores of an evaluation", 0.5),
    "help": Benchmark("benchmarks.starts:measure_help", "Help", 0.2),
    "start": Benchmark("benchmarks.starts:measure_start", "Start of a training", 2),
    "cohort": Benchmark("benchmarks.starts:measure_cohort", "Built-in cohort", 2.5, is_default=False),
}
"""Name -> benchmark, in the order of the page."""
