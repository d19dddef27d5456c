"""The commands as Python calls: ``pcsa_jax.train("demo", "runs/demo")``.

Each does what the command of its name does, progress on stderr included, and raises UserError where the command would
end with one line. Nothing heavy is imported before a call.
"""

from pcsa_jax.calls.cohorts import check, phantom
from pcsa_jax.calls.generators import export, load_generator, publish, synthesize
from pcsa_jax.calls.runs import calibrate, evaluate, reproduce, train

__all__ = [
    "calibrate",
    "check",
    "evaluate",
    "export",
    "load_generator",
    "phantom",
    "publish",
    "reproduce",
    "synthesize",
    "train",
]
