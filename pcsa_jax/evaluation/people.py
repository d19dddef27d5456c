"""Participants, not visits, are what statistics count."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def one_row_each(rows: "pd.DataFrame", keys: Sequence[str], measures: Sequence[str]) -> "pd.DataFrame":
    """One line per participant and value of ``keys``: the mean over the sessions, which are not independent.

    The diagnosis is that of the first session. Lines of one value of ``keys`` are in the order of participant ids.
    """
    first = rows.groupby("participant_id")["diagnosis"].first()
    means = rows.groupby(["participant_id", *keys], sort=False)[list(measures)].mean().reset_index()
    means.insert(1, "diagnosis", means["participant_id"].map(first))
    return means.sort_values("participant_id", kind="stable", ignore_index=True)
