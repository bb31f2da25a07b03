"""The scenario with a client by openapi-generator, python."""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import coreframe_client as api

base_url, folder = sys.argv[1], Path(sys.argv[2])
api_key = {"api_key": os.environ["COREFRAME_API_KEY"]}
client = api.ApiClient(api.Configuration(host=base_url, api_key=api_key))
images = api.ImagesApi(client)
artifacts = api.ArtifactsApi(client)
manipulation = api.ManipulationApi(client)
measurement = api.MeasurementApi(client)
logs = api.FramesApi(client)
jobs = api.JobsApi(client)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file(name: str) -> tuple[str, bytes]:
    return name, (folder / name).read_bytes()


def problem_of(request) -> api.Problem:
    """The problem with which a request fails, by its type."""
    try:
        request()
    except api.ApiException as error:
        assert isinstance(error.data, api.Problem)
        return error.data
    raise AssertionError("The request should have failed.")


results = images.upload_images([file("photo.jpg"), file("scan.png"), file("notes.txt")]).results
photo, scan = (result.image.id for result in results[:2])

pages, cursor = [], None
while True:
    page = images.list_images(limit=1, sort="-filename", cursor=cursor)
    pages.append([image.filename for image in page.items])
    cursor = page.next_cursor
    if cursor is None:
        break

resized = manipulation.resize_image(photo, api.ResizeRequest(width=320, format="webp"))
stored = artifacts.get_artifact_content(resized.id)
asked = manipulation.get_resized_image(photo, width=320, format="webp")

pipeline = api.Pipeline(
    operations=[
        api.Operation(api.CropOperation(op="crop", aspect_ratio="1:1")),
        api.Operation(api.ResizeOperation(op="resize", width=64)),
        api.Operation(api.RotateOperation(op="rotate", angle=90)),
    ],
    output=api.PipelineOutput(format="png"),
)
rendered = manipulation.render_image(photo, pipeline)
transformed = manipulation.transform_image(photo, pipeline)

histogram = measurement.get_image_histogram(photo, bins=16)
red = histogram.channels.red

mask = measurement.segment_image(scan, segmentation_request=api.SegmentationRequest(method="otsu", min_area=100))
segments = measurement.get_segments(mask.id).segments
rle = measurement.get_segments_coco_rle(mask.id)
polygons = measurement.get_segments_coco_polygons(mask.id)

batch = api.ResizeJobRequest(
    operation="resize", parameters=api.ResizeRequest(width=100), image_ids=[photo, scan]
)
job, repeated = (jobs.create_job(api.JobRequest(batch), idempotency_key="scenario") for _ in range(2))
while job.ended_at is None:
    time.sleep(0.05)
    job = jobs.get_job(job.id)
items = jobs.list_job_items(job.id).items

log = logs.upload_image_log(file("image-log.csv"), depth_unit="m")
frames = logs.get_frames(depth_min=9000.1, depth_max=9000.5, frame_set_id=[log.id])
frame_page = logs.list_frames(log.id, limit=3)
picture = logs.get_frames_picture(height=200, format="png", frame_set_id=[log.id])

refused = problem_of(lambda: manipulation.get_resized_image(photo, background="nope", matte="none"))
missing = problem_of(lambda: images.get_image("00000000-0000-4000-8000-000000000000"))
without_key = api.ImagesApi(api.ApiClient(api.Configuration(host=base_url)))
unauthenticated = problem_of(without_key.list_images)
deletion = images.delete_image_with_http_info(scan)
gone = problem_of(lambda: images.get_image(scan))

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
        "operations": [step.actual_instance.op for step in transformed.parameters.operations],
        "sha256": sha256(rendered),
    },
    "histogram": {
        "channels": sorted(name for name, value in histogram.channels if value is not None),
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
    "picture": {"sha256": sha256(picture)},
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
