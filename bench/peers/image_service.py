"""An image service as people write it with FastAPI, SQLAlchemy, Pillow and OpenCV. `bench/peers.ts` compares it with Coreframe.

It stores originals and results in PostgreSQL, and works on pictures in the thread pool of each worker.
"""

import io
import os
import uuid
from contextlib import asynccontextmanager

import cv2
import numpy as np
from fastapi import FastAPI, File, HTTPException, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from pydantic import BaseModel
from sqlalchemy import JSON, Integer, LargeBinary, String, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=8
)
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class StoredImage(Base):
    __tablename__ = "peer_images"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    filename: Mapped[str] = mapped_column(String)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Derived(Base):
    __tablename__ = "peer_derived"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    image_id: Mapped[str] = mapped_column(String)
    parameters: Mapped[dict] = mapped_column(JSON)
    media_type: Mapped[str] = mapped_column(String)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Resize(BaseModel):
    width: int
    quality: int = 80


class Crop(BaseModel):
    left: int
    top: int
    width: int
    height: int


class Convert(BaseModel):
    format: str
    quality: int = 80


@asynccontextmanager
async def lifespan(_app: FastAPI):
    async with engine.begin() as connection:
        # The workers start at the same time, and a table can be created only once.
        await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.post("/images", status_code=201)
async def upload(file: list[UploadFile] = File(...)):
    """Stores files that Pillow can open."""
    answers = []
    async with Session() as session:
        for part in file:
            data = await part.read()
            picture = await run_in_threadpool(lambda: Image.open(io.BytesIO(data)))
            row = StoredImage(
                id=str(uuid.uuid4()),
                filename=part.filename or "",
                width=picture.width,
                height=picture.height,
                data=data,
            )
            session.add(row)
            answers.append({"id": row.id, "width": row.width, "height": row.height})
        await session.commit()
    return answers


async def load(image_id: str) -> StoredImage:
    async with Session() as session:
        row = await session.get(StoredImage, image_id)
    if row is None:
        raise HTTPException(404)
    return row


async def store(image_id: str, parameters: BaseModel, data: bytes, media_type: str):
    row = Derived(
        id=str(uuid.uuid4()),
        image_id=image_id,
        parameters=parameters.model_dump(),
        media_type=media_type,
        data=data,
    )
    async with Session() as session:
        session.add(row)
        await session.commit()
    return {"id": row.id, "size": len(data)}


def encode(picture: Image.Image, format: str, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, quality=quality)
    return out.getvalue()


@app.post("/images/{image_id}/resize", status_code=201)
async def resize(image_id: str, parameters: Resize):
    row = await load(image_id)

    def work() -> bytes:
        picture = Image.open(io.BytesIO(row.data))
        # Pillow then decodes a JPEG at a smaller scale.
        picture.draft("RGB", (parameters.width, parameters.width))
        height = round(row.height * parameters.width / row.width)
        small = picture.resize((parameters.width, height), Image.Resampling.LANCZOS)
        return encode(small, "JPEG", parameters.quality)

    return await store(image_id, parameters, await run_in_threadpool(work), "image/jpeg")


@app.post("/images/{image_id}/crop", status_code=201)
async def crop(image_id: str, parameters: Crop):
    row = await load(image_id)

    def work() -> bytes:
        right, bottom = parameters.left + parameters.width, parameters.top + parameters.height
        picture = Image.open(io.BytesIO(row.data))
        return encode(picture.crop((parameters.left, parameters.top, right, bottom)), "JPEG", 80)

    return await store(image_id, parameters, await run_in_threadpool(work), "image/jpeg")


@app.post("/images/{image_id}/convert", status_code=201)
async def convert(image_id: str, parameters: Convert):
    row = await load(image_id)

    def work() -> bytes:
        return encode(Image.open(io.BytesIO(row.data)), parameters.format, parameters.quality)

    return await store(image_id, parameters, await run_in_threadpool(work), f"image/{parameters.format}")


@app.get("/derived/{derived_id}")
async def content(derived_id: str):
    async with Session() as session:
        row = await session.get(Derived, derived_id)
    if row is None:
        raise HTTPException(404)
    return Response(row.data, media_type=row.media_type)


@app.get("/images/{image_id}/histogram")
async def histogram(image_id: str):
    row = await load(image_id)

    def work() -> dict[str, list[int]]:
        picture = cv2.imdecode(np.frombuffer(row.data, np.uint8), cv2.IMREAD_COLOR)
        bands = ((2, "red"), (1, "green"), (0, "blue"))
        return {
            name: cv2.calcHist([picture], [band], None, [256], [0, 256]).ravel().astype(int).tolist()
            for band, name in bands
        }

    return await run_in_threadpool(work)


@app.get("/images/{image_id}/mask")
async def mask(image_id: str):
    """An Otsu mask as a PNG. Nothing is stored."""
    row = await load(image_id)

    def work() -> bytes:
        grey = cv2.imdecode(np.frombuffer(row.data, np.uint8), cv2.IMREAD_GRAYSCALE)
        _, foreground = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
        return cv2.imencode(".png", foreground)[1].tobytes()

    return Response(await run_in_threadpool(work), media_type="image/png")
