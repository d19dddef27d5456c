"""The classifier of AD and CN (section 4.8): ``--config=configs/classifier.py`` or ``configs/classifier.py:demo``.

Cohort, grid, normalisation and splits are those of the generator's run. The paper describes neither the network nor its
training: every value here is a choice of ours.
"""

from ml_collections import ConfigDict

ROWS = {
    "classifier": {},  # the grid of the paper, 64^3
    # 32^3 and some 80 training subjects: a small part of a minute an arm on two CPU cores.
    "demo": {"num_epochs": 8, "batch_size": 4},
}


def get_config(row: str = "classifier") -> ConfigDict:
    if row not in ROWS:
        raise ValueError(f"row: expected one of {', '.join(ROWS)}, found {row!r}")
    config = ConfigDict()
    config.seed = 0  # of parameters and data order
    config.precision = "float32"  # arithmetic of the convolutions: float32 | bfloat16
    config.batch_size = 8  # visits a step
    config.num_epochs = 40  # passes over the training visits
    config.class_weighting = "balanced"  # balanced: both diagnoses count the same in the loss | none
    config.classifier = ConfigDict({
        "features": (8, 16, 32, 64, 128),  # channels of each convolution of a branch
        "hidden": 50,  # units of the fully connected layer
    })  # fmt: skip
    config.optimizer = ConfigDict({
        "learning_rate": 1e-3,  # the peak of the schedule
        "b1": 0.9,
        "b2": 0.999,
        "schedule": "one_cycle",  # constant | cosine | one_cycle
        "gradient_clip": 1.0,  # largest global norm of the gradient; 0 = off
        "weight_decay": 0.01,  # of AdamW; 0 = Adam
    })  # fmt: skip
    config.log_every_steps = 10  # steps between rows of metrics.jsonl
    config.evaluate_every_epochs = 1  # epochs between scores on the validation part
    config.checkpoint_every_epochs = 1  # epochs between checkpoints
    for name, value in ROWS[row].items():
        config[name] = value
    return config
