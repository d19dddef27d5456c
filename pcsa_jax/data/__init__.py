"""Volumes and people (NumPy): find, read, check, prepare and write them; cohorts, splits, the phantom. No jax."""
