"""What numpy makes of raw pixels: reads a job as JSON from standard input, writes its answers as JSON.

A job is {"pictures": [{"file", "dtype", "shape": [height, width, bands], "cases": [...]}]}, `file` raw samples; a case
is {"channel", "percentiles", "bins", "level_range" or "edges", "region", "mask": file of uint16 labels, "label"}.
PNG files are read here, too, so that no decoder is shared with the code under test.
"""

import json
import struct
import sys
import zlib

import numpy as np


def read_png(path):
    """A PNG that is not interlaced and has 8 or 16 bits a sample, as an array (height, width, bands)."""
    with open(path, "rb") as file:
        data = file.read()
    at, compressed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, bits, color, _, _, interlace = struct.unpack(">IIBBBBB", body)
            assert bits in (8, 16) and interlace == 0 and color != 3
        elif kind == b"IDAT":
            compressed += body
        at += 12 + length
    bands = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    pixel = bands * bits // 8
    stride = width * pixel
    raw = zlib.decompress(compressed)
    above = bytearray(stride)
    rows = []
    for y in range(height):
        start = y * (stride + 1)
        row = bytearray(raw[start + 1 : start + 1 + stride])
        unfilter(raw[start], row, above, pixel)
        rows.append(bytes(row))
        above = row
    samples = np.frombuffer(b"".join(rows), ">u2" if bits == 16 else "u1")
    return samples.reshape(height, width, bands)


def unfilter(kind, row, above, pixel):
    for i in range(len(row)):
        left = row[i - pixel] if i >= pixel else 0
        up = above[i]
        corner = above[i - pixel] if i >= pixel else 0
        if kind == 1:
            predicted = left
        elif kind == 2:
            predicted = up
        elif kind == 3:
            predicted = (left + up) // 2
        elif kind == 4:
            p = left + up - corner
            nearest = min(abs(p - left), abs(p - up), abs(p - corner))
            predicted = left if nearest == abs(p - left) else up if nearest == abs(p - up) else corner
        else:
            predicted = 0
        row[i] = (row[i] + predicted) & 255


def levels(pixels, channel):
    bands = ["grey", "alpha"] if pixels.shape[2] < 3 else ["red", "green", "blue", "alpha"]
    if channel in bands:
        return pixels[:, :, bands.index(channel)].astype(np.int64)
    red, green, blue = (pixels[:, :, i].astype(np.int64) for i in range(3))
    if channel == "luminance":
        return (2 * (2126 * red + 7152 * green + 722 * blue) + 10000) // 20000
    top = np.maximum(np.maximum(red, green), blue)
    chroma = top - np.minimum(np.minimum(red, green), blue)
    if channel == "value":
        return top
    full = np.iinfo(pixels.dtype).max
    return np.where(top == 0, 0, (2 * full * chroma + top) // np.maximum(1, 2 * top))


def answer(pixels, case):
    values = levels(pixels, case["channel"])
    selected = np.ones(values.shape, bool)
    if "mask" in case:
        labels = np.fromfile(case["mask"], "<u2").reshape(values.shape)
        selected &= labels == case["label"]
    if case.get("visible"):
        selected &= pixels[:, :, -1] != 0
    if "region" in case:
        box = case["region"]
        inside = np.zeros(values.shape, bool)
        inside[box["top"] : box["top"] + box["height"], box["left"] : box["left"] + box["width"]] = True
        selected &= inside
    values = values[selected]
    top = np.iinfo(pixels.dtype).max + 1
    if "edges" in case:
        counts, _ = np.histogram(values, bins=case["edges"])
    else:
        counts, _ = np.histogram(values, bins=case.get("bins", 256), range=case.get("level_range", (0, top)))
    full = np.bincount(values, minlength=top)
    shares = full[full > 0] / len(values)
    return {
        "pixels": len(values),
        "counts": counts.tolist(),
        "min": int(values.min()),
        "max": int(values.max()),
        "mean": float(values.mean()),
        "stdev": float(values.std()),
        "median": float(np.median(values)),
        "percentiles": [float(np.percentile(values, p)) for p in case["percentiles"]],
        "mode": int(full.argmax()),
        "entropy": float(-(shares * np.log2(shares)).sum()),
        "low": float(full[0] / len(values)),
        "high": float(full[-1] / len(values)),
    }


def main():
    job = json.load(sys.stdin)
    answers = []
    for picture in job["pictures"]:
        if picture["file"].endswith(".png"):
            pixels = read_png(picture["file"])
        else:
            pixels = np.fromfile(picture["file"], picture["dtype"]).reshape(picture["shape"])
        answers.append([answer(pixels, case) for case in picture["cases"]])
    json.dump(answers, sys.stdout)


main()
