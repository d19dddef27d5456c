"""The same networks on a 32^3 grid (6 mm), for a few minutes on two CPU cores: ``--config=configs/demo.py[:ROW]``."""

import importlib.util
import pathlib

from ml_collections import ConfigDict

_spec = importlib.util.spec_from_file_location("pcsa", pathlib.Path(__file__).with_name("pcsa.py"))
pcsa = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pcsa)


ROWS = pcsa.ROWS


def get_config(row: str = "pcsa") -> ConfigDict:
    config = pcsa.get_config(row)
    config.data.size = 32
    config.data.pairs = 120
    config.data.mri_only = 80
    if config.system == "pcsa":
        # Features are half as wide as at 64^3: the same layers carry self-attention and skip connections.
        for name in ("attention_sizes", "skip_sizes"):
            config.generator[name] = tuple(size // 2 for size in config.generator[name])
    config.update(pcsa.rows.NARROW.get(row, {}))
    # A short budget wants many small steps and a schedule; measured in docs/decisions.md.
    config.batch_size = 1
    config.num_epochs = 13
    short = {"b1": 0.9, "b2": 0.99, "schedule": "one_cycle", "gradient_clip": 1.0}
    config.generator_optimizer.update(learning_rate=2e-3, **short)
    config.discriminator_optimizer.update(learning_rate=4e-4, b1=0.9)
    config.update(pcsa.rows.TUNED.get(row, {}))
    config.log_every_steps = 20
    config.evaluate_every_epochs = 4
    config.checkpoint_every_epochs = 4
    return config
