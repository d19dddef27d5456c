"""Training, from a config and a folder to checkpoints, and opening a trained run."""
