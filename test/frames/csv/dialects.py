"""
What pandas reads in CSV files. Reads a JSON array of {"path", "sep", "decimal", "skiprows", "nulls"} from standard input and writes
an array of rows for each file as JSON: the depth, then the pixels, null for a missing one.
"""

import io
import json
import sys
from pathlib import Path

import pandas as pd


def rows_of(path, sep, decimal, skiprows, nulls):
    # With CR alone, pandas skips other rows than it is told to.
    text = Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    table = pd.read_csv(
        io.StringIO(text), sep=sep, decimal=decimal, skiprows=skiprows, na_values=["", *nulls], keep_default_na=False,
    )
    named = table.loc[:, ~table.columns.str.startswith("Unnamed")]
    return [[None if pd.isna(cell) else float(cell) for cell in row] for row in named.itertuples(index=False)]


json.dump([rows_of(**request) for request in json.load(sys.stdin)], sys.stdout)
