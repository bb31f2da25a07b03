"""Endpoints of the service, declared for FastAPI with pydantic models, to compare what both say to wrong requests."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, FastAPI, File, HTTPException, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field, model_validator

app = FastAPI()

Side = Annotated[int, Field(ge=1, le=65535)]
Fit = Literal["cover", "contain", "fill", "inside", "outside"]
Format = Literal["jpeg", "png", "webp", "gif", "tiff", "avif", "auto"]


class Strict(BaseModel):
    """A model that refuses unknown names and NaN and infinity."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Output(Strict):
    format: Format | None = None
    quality: int | None = Field(None, ge=1, le=100)
    lossless: bool | None = None
    effort: int | None = Field(None, ge=0, le=10)
    progressive: bool | None = None
    dither: float | None = Field(None, ge=0, le=1)


class Size(Strict):
    width: Side | None = None
    height: Side | None = None
    fit: Fit = "cover"
    without_enlargement: bool = False

    @model_validator(mode="after")
    def has_a_side(self):
        if self.width is None and self.height is None:
            raise ValueError("width or height is required")
        return self


class ResizeRequest(Size, Output):
    page: int | None = Field(None, ge=0, le=100000)


class Resize(Size):
    op: Literal["resize"]


class Crop(Strict):
    op: Literal["crop"]
    left: int | None = Field(None, ge=-65535, le=65535)
    top: int | None = Field(None, ge=-65535, le=65535)
    width: Side | None = None
    height: Side | None = None


class Rotate(Strict):
    op: Literal["rotate"]
    angle: float = Field(90, ge=-360, le=360)


class Sharpen(Strict):
    op: Literal["sharpen"]
    sigma: float = Field(1, ge=0.01, le=10)


Operation = Annotated[Resize | Crop | Rotate | Sharpen, Field(discriminator="op")]


class Pipeline(Strict):
    operations: list[Operation] = Field([], max_length=32)
    output: Output | None = None


class HistogramQuery(Strict):
    bins: int | None = Field(None, ge=1, le=65536)
    edges: list[Annotated[float, Field(ge=0, le=65536)]] | None = Field(None, min_length=2)
    percentiles: list[Annotated[float, Field(ge=0, le=100)]] = Field([], max_length=101)
    region: str | None = Field(None, pattern=r"^\d{1,7},\d{1,7},\d{1,7},\d{1,7}$")
    mask: UUID | None = None
    cumulative: bool = False


class Box(Strict):
    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: Side
    height: Side


class Otsu(Strict):
    method: Literal["otsu"]
    min_area: int | None = Field(None, ge=1)
    fill_holes: bool = False


class KMeans(Strict):
    method: Literal["kmeans"]
    clusters: int = Field(4, ge=2, le=16)


class GrabCut(Strict):
    method: Literal["grabcut"]
    box: Box
    iterations: int = Field(5, ge=1)


Segmentation = Annotated[Otsu | KMeans | GrabCut, Field(discriminator="method")]


class ImageChanges(Strict):
    filename: str = Field(min_length=1, max_length=255)


class FramesQuery(Strict):
    depth_min: float | None = None
    depth_max: float | None = None
    frame_set_id: list[UUID] | None = Field(None, min_length=1, max_length=100)
    order: Literal["depth", "file"] = "depth"
    width: int | None = Field(None, ge=1, le=10000)
    limit: int | None = Field(None, ge=1, le=100000)

    @model_validator(mode="after")
    def depths_in_order(self):
        if self.depth_min is not None and self.depth_max is not None and self.depth_min > self.depth_max:
            raise ValueError("depth_min must be at most depth_max")
        return self


class UploadQuery(Strict):
    delimiter: Literal["comma", "semicolon", "tab"] | None = None
    on_error: Literal["fail", "skip"] = "fail"
    width: int = Field(150, ge=1, le=10000)
    force: bool = False


@app.get("/images/{id}/resize")
def get_resize(id: UUID, query: Annotated[ResizeRequest, Query()]):
    return query


@app.post("/images/{id}/resize")
def post_resize(id: UUID, body: ResizeRequest):
    return body


@app.post("/images/{id}/transform")
def transform(id: UUID, body: Pipeline):
    return body


@app.get("/images/{id}/histogram")
def histogram(id: UUID, query: Annotated[HistogramQuery, Query()]):
    return query


@app.post("/images/{id}/segmentation")
def segmentation(id: UUID, body: Annotated[Segmentation, Body()]):
    return body


@app.patch("/images/{id}")
def change_image(id: UUID, body: ImageChanges):
    return body


@app.get("/frames")
def frames(query: Annotated[FramesQuery, Query()]):
    return query


@app.post("/images", status_code=201)
def upload_images(files: Annotated[list[UploadFile], File()]):
    return [file.filename for file in files]


@app.post("/upload", status_code=201)
def upload_log(query: Annotated[UploadQuery, Query()], file: Annotated[UploadFile, File()]):
    for number, line in enumerate(file.file.read().decode().splitlines()[1:], start=2):
        try:
            [float(cell) for cell in line.split(",")]
        except ValueError as error:
            raise HTTPException(422, f"Row {number}: {error}") from error
    return {"filename": file.filename}
