"""Run band: the only place for config, paths, clocks and logging; loop, checkpoints, evaluation, commands."""
