"""Closed-form predictors of PET: the opponents of every generator, and what a generator may start from."""
