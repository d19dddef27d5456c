"""Tables on disk: text is text, numbers are numbers, and both read back."""

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.presentation.tables import read_table, write_table
from tests.test_text import ODD


def test_text_and_numbers_read_back(tmp_path):
    values = np.random.default_rng(0).normal(size=len(ODD))
    values[3] = np.nan
    table = pd.DataFrame({"=name": ODD, "value": values, "count": range(len(ODD)), "left out": 1})
    path = write_table(tmp_path / "t.tsv", table, ["=name", "value", "count"], float_format="%.17g")
    lines = path.read_bytes().split(b"\n")
    assert lines[0] == b"'=name\tvalue\tcount" and len(lines) == len(ODD) + 2
    assert not any(line.startswith((b"=", b"+", b"-", b"@", b'"')) for line in lines)
    found = read_table(path, ["=name", "value", "count"], ("=name",))
    assert list(found["=name"]) == ODD
    np.testing.assert_array_equal(found["value"], values)
    assert found["count"].dtype == np.float64


def test_ids_that_look_like_numbers_or_nothing_stay(tmp_path):
    table = pd.DataFrame({"participant_id": ["007", "NaN", "n/a", "x"], "score": [1.5, np.nan, -2, 0]})
    path = write_table(tmp_path / "t.tsv", table)
    found = read_table(path, table.columns, ("participant_id",))
    assert list(found["participant_id"]) == ["007", "NaN", "n/a", "x"]
    assert path.read_text().splitlines()[1:3] == ["007\t1.5", "NaN\tn/a"]
    with pytest.raises(ValueError, match="^the columns participant_id, score$"):
        read_table(path, ["participant_id", "predictor"], ())
    with pytest.raises(ValueError, match="could not convert"):
        read_table(path, ["participant_id"], ())
