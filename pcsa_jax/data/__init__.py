"""Data band (NumPy): find, read, check and write volumes; cohorts, splits, the phantom. Never imports jax."""
