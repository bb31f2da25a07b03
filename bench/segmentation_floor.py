"""The floor of `segmentation`: the same stages by native OpenCV, in idiomatic Python.

Decode, classify, connected components (8 neighbours), measurements of each segment (area, bounding box, centroid, perimeter,
equivalent diameter, circularity, mean and standard deviation of the colour, holes, whether it touches the border), a label map
as PNG. OpenCV uses its default number of threads. No HTTP; nothing is stored.

Reads JSON lines {"file", "method", "count"} and answers each with {"result": {"seconds", …}}.
"""

import json
import sys
import time

import cv2
import numpy as np

CLUSTERS = 4
# The same as ours: a hundredth of a unit of CIELAB, or a hundred iterations.
CRITERIA = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-2)
MIN_DISTANCE = 10


def luminance(image):
    """Rec. 709 weights on the sRGB values."""
    return cv2.transform(image, np.array([[0.0722, 0.7152, 0.2126]], np.float32))


def otsu(image):
    _, mask = cv2.threshold(luminance(image), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return mask, {}


def kmeans(image):
    lab = cv2.cvtColor(image.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_BGR2LAB)
    compactness, classes, _ = cv2.kmeans(lab.reshape(-1, 3), CLUSTERS, None, CRITERIA, 1, cv2.KMEANS_PP_CENTERS)
    return classes.reshape(image.shape[:2]).astype(np.uint8) + 1, {"compactness": compactness}


def watershed(image):
    """Markers at the peaks of the distance to the background of Otsu's threshold, one in each square of its size."""
    plane = luminance(image)
    _, foreground = cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    distance = cv2.distanceTransform(foreground, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    side = 2 * MIN_DISTANCE + 1
    highest = cv2.dilate(distance, np.ones((side, side), np.uint8))
    peaks = ((distance == highest) & (distance > 0)).astype(np.uint8)
    count, markers = cv2.connectedComponents(peaks, connectivity=8)
    markers[peaks != 0] += 1
    markers[cv2.dilate(foreground, np.ones((3, 3), np.uint8)) == 0] = 1
    dx, dy = cv2.spatialGradient(plane)
    gradient = np.minimum(cv2.magnitude(dx.astype(np.float32), dy.astype(np.float32)), 255).astype(np.uint8)
    cv2.watershed(cv2.merge([gradient] * 3), markers)
    return np.maximum(markers - 1, 0), {"markers": count - 1}


def shapes_of(mask):
    """A point, the perimeter and the parent (-1, or the contour around the hole) of each contour of a binary mask."""
    contours, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2), int), np.zeros(0), np.zeros(0, int)
    points = np.concatenate([contour[0] for contour in contours])
    return points, np.array([cv2.arcLength(contour, True) for contour in contours]), hierarchy[0, :, 3]


def colors_of(image, labels, areas):
    """Mean and standard deviation of each channel under each label, in the faster of two ways."""
    if len(areas) <= 16:
        measured = [cv2.meanStdDev(image, mask=cv2.compare(labels, label, cv2.CMP_EQ)) for label in range(len(areas))]
        return np.array([np.hstack([mean[:, 0], stdev[:, 0]]) for mean, stdev in measured])
    # bincount would otherwise convert at each call.
    flat = labels.ravel().astype(np.intp)
    areas = np.maximum(areas, 1)
    channels = [channel.ravel() for channel in cv2.split(image)]
    means = [np.bincount(flat, channel, len(areas)) / areas for channel in channels]
    squares = [np.bincount(flat, np.square(channel, dtype=np.uint16), len(areas)) / areas for channel in channels]
    stdevs = [np.sqrt(np.maximum(square - mean * mean, 0)) for square, mean in zip(squares, means)]
    return np.stack(means + stdevs, 1)


def components(classes):
    """Each connected component of a foreground, whose objects do not touch, is a segment."""
    mask = (classes != 0).astype(np.uint8)
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    points, lengths, parents = shapes_of(mask)
    outer = np.where(parents < 0, np.arange(len(parents)), parents)
    owners = labels[points[outer, 1], points[outer, 0]]
    perimeters = np.bincount(owners, lengths, count)
    holes = np.bincount(owners, parents >= 0, count)
    return labels, stats, centroids, perimeters, holes


def whole_classes(classes):
    """Each class is one segment: its measurements are those of its components together."""
    stats = np.zeros((CLUSTERS + 1, 5), np.int32)
    centroids = np.zeros((CLUSTERS + 1, 2))
    perimeters = np.zeros(CLUSTERS + 1)
    holes = np.zeros(CLUSTERS + 1)
    for label in range(1, CLUSTERS + 1):
        mask = cv2.compare(classes, label, cv2.CMP_EQ)
        _, _, parts, centres = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
        parts, centres = parts[1:], centres[1:]
        areas = parts[:, cv2.CC_STAT_AREA]
        low = parts[:, :2].min(0)
        high = (parts[:, :2] + parts[:, 2:4]).max(0)
        stats[label] = [*low, *(high - low), areas.sum()]
        centroids[label] = (centres * areas[:, None]).sum(0) / areas.sum()
        _, lengths, parents = shapes_of(mask)
        perimeters[label] = lengths.sum()
        holes[label] = (parents >= 0).sum()
    return classes, stats, centroids, perimeters, holes


def describe(image, labels, stats, centroids, perimeters, holes):
    """All measurements, a row for each label from 1."""
    height, width = labels.shape
    areas = stats[:, cv2.CC_STAT_AREA]
    x, y, w, h = stats[:, :4].T
    with np.errstate(all="ignore"):
        circularities = np.minimum(1, 4 * np.pi * areas / np.square(perimeters))
    touches = (x == 0) | (y == 0) | (x + w == width) | (y + h == height)
    shares = areas / (width * height)
    diameters = 2 * np.sqrt(areas / np.pi)
    colors = colors_of(image, labels, areas)
    columns = [stats, shares, centroids, perimeters, diameters, circularities, colors, touches, holes]
    return np.column_stack(columns)[1:]


def segment(file, method):
    image = cv2.imread(file, cv2.IMREAD_COLOR)
    classes, found = METHODS[method](image)
    labels, *measured = (whole_classes if method == "kmeans" else components)(classes)
    segments = describe(image, labels, *measured)
    depth = np.uint8 if len(segments) < 256 else np.uint16
    _, png = cv2.imencode(".png", labels.astype(depth), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    return {"segments": len(segments), "png": len(png), **found}


METHODS = {"otsu": otsu, "kmeans": kmeans, "watershed": watershed}
print(json.dumps({"ready": cv2.__version__}), flush=True)
for line in sys.stdin:
    task = json.loads(line)
    start = time.perf_counter()
    for _ in range(task["count"]):
        last = segment(task["file"], task["method"])
    print(json.dumps({"result": {"seconds": time.perf_counter() - start, **last}}), flush=True)
