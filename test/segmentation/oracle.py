"""Outside oracles for the segmentation tests.

Reads a JSON array of {"call": name, ...arguments} from standard input and writes the array of answers as JSON. Pictures are
{"width", "height", "channels", "data": base64 of 8-bit interleaved pixels}, label maps the same with 16-bit
little-endian data.
"""

import base64
import json
import sys

import cv2
import numpy as np
from pycocotools import mask as coco


def picture(given):
    data = np.frombuffer(base64.b64decode(given["data"]), np.uint8)
    shape = (given["height"], given["width"], given["channels"])
    return data.reshape(shape[:2] if shape[2] == 1 else shape).copy()


def label_map(given):
    data = np.frombuffer(base64.b64decode(given["data"]), "<u2")
    return data.reshape(given["height"], given["width"])


def encoded(array):
    return base64.b64encode(np.ascontiguousarray(array, np.uint8)).decode()


def coco_faults(cases):
    """Which annotations do not decode to exactly their label's pixels, or have another area, box or string."""
    faults = []
    count = 0
    for number, case in enumerate(cases):
        labels = label_map(case["labels"])
        height, width = labels.shape
        for encoding, annotations in case["annotations"].items():
            for annotation in annotations:
                count += 1
                truth = np.asfortranarray(labels == annotation["id"], np.uint8)
                expected = coco.encode(truth)
                segmentation = annotation["segmentation"]
                if encoding == "polygons":
                    rle = coco.merge(coco.frPyObjects(segmentation, height, width))
                elif encoding == "uncompressed-rle":
                    rle = coco.frPyObjects(segmentation, height, width)
                else:
                    rle = segmentation
                    if segmentation["counts"] != expected["counts"].decode():
                        faults.append(f"case {number}, label {annotation['id']}: another string")
                same = (
                    (coco.decode(rle) == truth).all()
                    and int(coco.area(expected)) == annotation["area"]
                    and coco.toBbox(expected).tolist() == annotation["bbox"]
                )
                if not same:
                    faults.append(f"case {number}, label {annotation['id']}: {encoding} differs")
    return {"count": count, "faults": faults}


def invalid_polygons(features, labels):
    """Why shapely holds segments' geometries for invalid or not for their label's pixels."""
    import shapely

    labels = label_map(labels)
    faults = []
    for feature in features:
        geometry = shapely.geometry.shape(feature["geometry"])
        reason = shapely.is_valid_reason(geometry)
        if reason != "Valid Geometry":
            faults.append(f"label {feature['id']}: {reason}")
        y, x = np.indices(labels.shape)
        covered = shapely.contains_xy(geometry, x + 0.5, y + 0.5)
        if (covered != (labels == feature["id"])).any():
            faults.append(f"label {feature['id']}: other pixels")
    return faults


def regions(labels, connectivity):
    # scikit-image takes a second to import, which the other calls need not wait for.
    import skimage.measure

    labels = label_map(labels).astype(np.int32)
    answer = []
    for region in skimage.measure.regionprops(labels):
        padded = np.pad(region.image, 1)
        answer.append(
            {
                "label": int(region.label),
                "area": int(region.area),
                "bbox": [int(v) for v in region.bbox],
                "centroid": [float(v) for v in region.centroid],
                "diameter": float(region.equivalent_diameter_area),
                "perimeter": float(skimage.measure.perimeter_crofton(padded, directions=4)),
                "euler": int(skimage.measure.euler_number(padded, connectivity=1 if connectivity == 4 else 2)),
            }
        )
    return answer


def components(mask, connectivity):
    mask = picture(mask)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=connectivity)
    return {"count": count - 1, "areas": sorted(int(v) for v in stats[1:, cv2.CC_STAT_AREA])}


def adaptive(plane, kind, block_size, offset):
    methods = {"mean": cv2.ADAPTIVE_THRESH_MEAN_C, "gaussian": cv2.ADAPTIVE_THRESH_GAUSSIAN_C}
    mask = cv2.adaptiveThreshold(picture(plane), 1, methods[kind], cv2.THRESH_BINARY, block_size, offset)
    return encoded(mask)


def morphology(mask, operation, radius):
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x * x + y * y <= radius * radius).astype(np.uint8)
    operations = {"open": cv2.MORPH_OPEN, "close": cv2.MORPH_CLOSE}
    return encoded(cv2.morphologyEx(picture(mask), operations[operation], disc))


def kmeans(rgb, labels, k):
    """OpenCV's k-means in CIELAB from given labels: the colours it used, its compactness and its labels."""
    lab = cv2.cvtColor(picture(rgb).astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    start = np.frombuffer(base64.b64decode(labels), np.uint8).astype(np.int32).reshape(-1, 1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-2)
    compactness, found, _ = cv2.kmeans(lab, k, start.copy(), criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    cv2.setRNGSeed(1)
    quick = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    best, _, _ = cv2.kmeans(lab, k, None, quick, 2, cv2.KMEANS_PP_CENTERS)
    return {"compactness": compactness, "labels": encoded(found), "plus_plus": best}


def grabcut(rgb, box, iterations):
    image = cv2.cvtColor(picture(rgb), cv2.COLOR_RGB2BGR)
    mask = np.zeros(image.shape[:2], np.uint8)
    rect = (box["x"], box["y"], box["width"], box["height"])
    cv2.setRNGSeed(0)
    cv2.grabCut(image, mask, rect, np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_RECT)
    return encoded(mask & 1)


def delta_e(first, second):
    import skimage.color

    return skimage.color.deltaE_ciede2000(np.array(first), np.array(second)).tolist()


def lab(rgb):
    import skimage.color

    return skimage.color.rgb2lab(np.array(rgb, np.uint8)).tolist()


json.dump([globals()[request.pop("call")](**request) for request in json.load(sys.stdin)], sys.stdout)
