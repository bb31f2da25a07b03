"""The scenario with a client by openapi-python-client."""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from uuid import UUID

from coreframe_client import AuthenticatedClient, Client, models
from coreframe_client.api.artifacts import get_artifact_content
from coreframe_client.api.frames import get_frames, get_frames_picture, list_frames, upload_image_log
from coreframe_client.api.images import delete_image, get_image, list_images, upload_images
from coreframe_client.api.jobs import create_job, get_job, list_job_items
from coreframe_client.api.manipulation import get_resized_image, render_image, resize_image, transform_image
from coreframe_client.api.measurement import (
    get_image_histogram,
    get_segments,
    get_segments_coco_polygons,
    get_segments_coco_rle,
    segment_image,
)
from coreframe_client.types import UNSET, File

base_url, folder = sys.argv[1], Path(sys.argv[2])
client = AuthenticatedClient(base_url, token=os.environ["COREFRAME_API_KEY"], timeout=60)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file(name: str) -> File:
    return File((folder / name).open("rb"), name, "application/octet-stream")


def bytes_of(answer) -> bytes:
    assert isinstance(answer, File), answer
    return answer.payload.read()


def problem_of(answer) -> models.Problem:
    assert isinstance(answer, models.Problem), answer
    return answer


files = [file("photo.jpg"), file("scan.png"), file("notes.txt")]
results = upload_images.sync(client=client, body=models.UploadImagesBody(files=files)).results
photo, scan = (result.image.id for result in results[:2])

pages, cursor = [], UNSET
while True:
    page = list_images.sync(client=client, limit=1, sort="-filename", cursor=cursor)
    pages.append([image.filename for image in page.items])
    cursor = page.next_cursor
    if cursor is None:
        break

resized = resize_image.sync(photo, client=client, body=models.ResizeRequest(width=320, format_="webp"))
stored = bytes_of(get_artifact_content.sync(resized.id, client=client))
asked = bytes_of(get_resized_image.sync(photo, client=client, width=320, format_="webp"))

pipeline = models.Pipeline(
    operations=[
        models.CropOperation(op="crop", aspect_ratio="1:1"),
        models.ResizeOperation(op="resize", width=64),
        models.RotateOperation(op="rotate", angle=90),
    ],
    output=models.PipelineOutput(format_="png"),
)
rendered = bytes_of(render_image.sync(photo, client=client, body=pipeline))
transformed = transform_image.sync(photo, client=client, body=pipeline)

histogram = get_image_histogram.sync(photo, client=client, bins=16)
red = histogram.channels.red

parameters = models.SegmentationRequest(method="otsu", min_area=100)
mask = segment_image.sync(scan, client=client, body=parameters)
segments = get_segments.sync(mask.id, client=client).segments
rle = get_segments_coco_rle.sync(mask.id, client=client)
polygons = get_segments_coco_polygons.sync(mask.id, client=client)

batch = models.ResizeJobRequest(
    operation="resize", parameters=models.ResizeRequest(width=100), image_ids=[photo, scan]
)
job, repeated = (create_job.sync(client=client, body=batch, idempotency_key="scenario") for _ in range(2))
while job.ended_at is None:
    time.sleep(0.05)
    job = get_job.sync(job.id, client=client)
items = list_job_items.sync(job.id, client=client).items

body = models.UploadImageLogBody(file=file("image-log.csv"))
log = upload_image_log.sync(client=client, body=body, depth_unit="m")
frames = get_frames.sync(client=client, depth_min=9000.1, depth_max=9000.5, frame_set_id=[log.id])
frame_page = list_frames.sync(log.id, client=client, limit=3)
picture = get_frames_picture.sync(client=client, height=200, format_="png", frame_set_id=[log.id])

refused = problem_of(get_resized_image.sync(photo, client=client, background="nope", matte="none"))
missing = problem_of(get_image.sync(UUID("00000000-0000-4000-8000-000000000000"), client=client))
unauthenticated = problem_of(list_images.sync(client=Client(base_url)))
deletion = delete_image.sync_detailed(scan, client=client)
gone = problem_of(get_image.sync(scan, client=client))

transcript = {
    "upload": {"statuses": [result.status for result in results], "problem": results[2].problem.code},
    "pages": pages,
    "resize": {
        "kind": resized.kind,
        "width": resized.result.width,
        "sha256": resized.sha256,
        "same": sha256(stored) == resized.sha256 == sha256(asked),
    },
    "pipeline": {
        "operations": [step.op for step in transformed.parameters.operations],
        "sha256": sha256(rendered),
    },
    "histogram": {
        "channels": sorted(histogram.channels.to_dict()),
        "red_pixels": red.pixels,
        "red_first": red.counts[:4],
        "mean": red.mean,
    },
    "segmentation": {
        "kind": mask.kind,
        "segments": mask.result.segment_count,
        "first_area": segments[0].area,
        "annotations": len(rle.annotations),
        "rle": rle.annotations[0].segmentation.counts,
        "polygons": len(polygons.annotations[0].segmentation),
    },
    "job": {
        "operation": job.operation,
        "state": job.state,
        "succeeded": job.progress.succeeded,
        "items": [item.state for item in items],
        "same": repeated.id == job.id,
    },
    "log": {"rows": log.rows, "message": log.message},
    "frames": {
        "count": len(frames),
        "first_depth": frames[0].depth,
        "image_sha256": sha256(base64.b64decode(frames[0].image)),
        "page": [frame.depth for frame in frame_page.items],
    },
    "picture": {"sha256": sha256(bytes_of(picture))},
    "validation": {
        "status": refused.status,
        "code": refused.code,
        "faults": sorted([fault.location, fault.path] for fault in refused.errors),
    },
    "missing": {"status": missing.status, "code": missing.code},
    "unauthenticated": {"status": unauthenticated.status, "code": unauthenticated.code},
    "deleted": deletion.status_code == 204 and gone.status == 404,
}
print(json.dumps(transcript))
