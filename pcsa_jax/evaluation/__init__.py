"""Scores of a trained run beside trivial predictors: tables, figures, report."""
