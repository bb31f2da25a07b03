"""A small image service as the guide's readers have it: FastAPI, Pillow and OpenCV.

Run as `uvicorn image_service:app`. Files are kept in TEMP_IMAGE_DIR, histograms in TEMP_JSON_DIR.
"""

import io
import json
import os
from pathlib import Path
from uuid import uuid4

import cv2
from fastapi import FastAPI, HTTPException, Response, UploadFile
from PIL import Image

app = FastAPI()
IMAGES = Path(os.environ["TEMP_IMAGE_DIR"])
DOCUMENTS = Path(os.environ["TEMP_JSON_DIR"])
for folder in (IMAGES, DOCUMENTS):
    folder.mkdir(parents=True, exist_ok=True)


def find(id):
    path = next(IMAGES.glob(f"{id}.*"), None)
    if path is None:
        raise HTTPException(404, "Image not found")
    return path


def answer(picture, format):
    file = io.BytesIO()
    picture.save(file, format)
    return Response(file.getvalue(), media_type=f"image/{format.lower()}")


@app.post("/images/upload")
async def upload(files: list[UploadFile]):
    stored = []
    for file in files:
        id = str(uuid4())
        (IMAGES / f"{id}{Path(file.filename).suffix}").write_bytes(await file.read())
        stored.append({"id": id, "filename": file.filename})
    return stored


@app.post("/images/{id}/resize")
def resize(id: str, width: int, height: int):
    picture = Image.open(find(id))
    return answer(picture.resize((width, height), Image.Resampling.LANCZOS), picture.format)


@app.post("/images/{id}/crop")
def crop(id: str, left: int, top: int, right: int, bottom: int):
    picture = Image.open(find(id))
    return answer(picture.crop((left, top, right, bottom)), picture.format)


@app.post("/images/{id}/convert")
def convert(id: str, format: str):
    return answer(Image.open(find(id)).convert("RGB"), format)


@app.get("/images/{id}/histogram")
def histogram(id: str):
    counts = Image.open(find(id)).convert("RGB").histogram()
    names = ("red", "green", "blue")
    document = {name: counts[256 * index : 256 * (index + 1)] for index, name in enumerate(names)}
    (DOCUMENTS / f"{id}.json").write_text(json.dumps(document))
    return document


@app.get("/images/{id}/segmentation")
def segmentation(id: str):
    grey = cv2.imread(str(find(id)), cv2.IMREAD_GRAYSCALE)
    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return answer(Image.fromarray(mask), "PNG")
