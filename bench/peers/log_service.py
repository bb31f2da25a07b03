"""A service of image logs as people write it with Flask, SQLAlchemy, pandas and OpenCV. `bench/peers.ts` compares it with Coreframe."""

import base64
import io
import os

import cv2
import numpy as np
import pandas as pd
from flask import Flask, jsonify, request
from sqlalchemy import Float, Integer, LargeBinary, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://"))
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Frame(Base):
    __tablename__ = "peer_frames"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    depth: Mapped[float] = mapped_column(Float, index=True)
    image_data: Mapped[bytes] = mapped_column(LargeBinary)
    resized_image_data: Mapped[bytes] = mapped_column(LargeBinary)


Base.metadata.create_all(engine)
app = Flask(__name__)


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.post("/upload")
def upload():
    """Stores each row as it is, and resized to width 150 with a colour map."""
    rows = pd.read_csv(io.BytesIO(request.files["file"].read())).dropna()
    with Session() as session:
        for _, row in rows.iterrows():
            pixels = row.values[1:].astype(np.uint8).reshape(1, -1)
            colored = cv2.applyColorMap(cv2.resize(pixels, (150, 1)), cv2.COLORMAP_JET)
            session.add(
                Frame(
                    depth=float(row["depth"]),
                    image_data=png(pixels),
                    resized_image_data=png(colored),
                )
            )
        session.commit()
    return jsonify(message="CSV uploaded"), 201


@app.get("/frames")
def frames():
    lowest, highest = float(request.args["depth_min"]), float(request.args["depth_max"])
    with Session() as session:
        rows = session.query(Frame).filter(Frame.depth.between(lowest, highest)).all()
        return jsonify([base64.b64encode(row.resized_image_data).decode() for row in rows])


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
