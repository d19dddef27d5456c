"""The rows of configs/pcsa.py with a few channels at 16^3: a config file for tests of whole reproductions."""

import importlib.util
import pathlib

_path = pathlib.Path(__file__).parents[3] / "configs" / "pcsa.py"
_spec = importlib.util.spec_from_file_location("pcsa", _path)
pcsa = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pcsa)

AGAIN = ("cgan_unet_tuned", "hgan_tuned", "gla_gan_tuned")
"""Networks of another row with the schedule of ``pcsa_tuned``: a third of the time that it takes to compile Fig. 5."""

ROWS = pcsa.ROWS  # of this file's own copy of the module
for _name in AGAIN:
    ROWS.pop(_name, None)
SIZE = 16


LEVELS = 2
"""Of the networks of other systems and of every discriminator: what is deeper only takes longer to compile."""


def _narrow(config):
    """A few channels and layers in place of the row's; what makes the row stays."""
    generator, discriminator = config.generator, config.discriminator
    if config.system == "pcsa":
        generator.stages = (tuple((3, 2) for _ in generator.stages[0][:2]), ((3, 2),))
        generator.residual_blocks = 0
        for name in ("attention_sizes", "skip_sizes"):
            generator[name] = tuple(size * SIZE // config.data.size for size in generator[name])
    for network in (generator, discriminator):
        for name, value in network.items():
            if name.endswith("features"):
                network[name] = (2,) * min(len(value), LEVELS) if isinstance(value, tuple) else 2
    if config.system == "hgan":
        generator.blocks, generator.kernel_size = 1, 3


def get_config(row="pcsa"):
    config = pcsa.get_config(row)
    _narrow(config)
    config.data.size = SIZE
    config.data.pairs, config.data.mri_only = 12, 2
    config.data.validation_fraction = 0.3
    config.batch_size = 2
    config.recipe.num_folds = 2
    config.num_epochs = 2
    config.log_every_steps = 2
    config.evaluate_every_epochs = config.checkpoint_every_epochs = 1
    return config
