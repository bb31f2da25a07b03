"""Prints the rows of an image log, resized to width 150 by a filter of Pillow or OpenCV, as JSON.

Run as `python resize.py Pillow|OpenCV FILTER FILE`.
"""

import json
import sys

import cv2
import numpy as np
import pandas as pd
from PIL import Image

_, library, name, file = sys.argv
rows = pd.read_csv(file).dropna().to_numpy()[:, 1:].astype(np.uint8)


def resize(row):
    if library == "OpenCV":
        return cv2.resize(row, (150, 1), interpolation=getattr(cv2, name))
    return np.asarray(Image.fromarray(row).resize((150, 1), Image.Resampling[name]))


print(json.dumps([resize(row[np.newaxis])[0].tolist() for row in rows]))
