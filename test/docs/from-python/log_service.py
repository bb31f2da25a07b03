"""A small image-log backend as the guide's readers have it: Flask, SQLAlchemy, pandas and Pillow.

Run as `python log_service.py PORT` with DATABASE_URL.
"""

import base64
import io
import os
import sys

import numpy as np
import pandas as pd
from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from PIL import Image

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)


class ImageData(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    depth = db.Column(db.Float, nullable=False)
    image_data = db.Column(db.LargeBinary, nullable=False)
    resized_image_data = db.Column(db.LargeBinary, nullable=False)


def resize_image(row, width=150):
    """The mean of the area that each pixel of the result covers, rounded half up; a row stays one pixel high."""
    means = np.repeat(row, width, axis=1).reshape(len(row), width, -1).mean(axis=-1)
    return np.floor(means + 0.5).astype(np.uint8)


def apply_color_map(row):
    """Black, red, white: linear between the levels 0, 128 and 255, rounded half up."""
    channels = [np.interp(row, [0, 128, 255], stops) for stops in ([0, 200, 255], [0, 0, 255], [0, 0, 255])]
    return np.floor(np.stack(channels, axis=-1) + 0.5).astype(np.uint8)


def encode(row):
    file = io.BytesIO()
    Image.fromarray(row).save(file, "PNG")
    return file.getvalue()


@app.post("/upload")
def upload():
    if "file" not in request.files:
        return jsonify(error="No file"), 400
    table = pd.read_csv(request.files["file"]).dropna()
    for depth, *pixels in table.itertuples(index=False):
        row = np.array([pixels], np.uint8)
        resized = encode(apply_color_map(resize_image(row)))
        db.session.add(ImageData(depth=depth, image_data=row.tobytes(), resized_image_data=resized))
    db.session.commit()
    return jsonify(message="CSV data uploaded successfully")


@app.get("/frames")
def frames():
    depth_min, depth_max = (float(request.args[name]) for name in ("depth_min", "depth_max"))
    found = ImageData.query.filter(ImageData.depth.between(depth_min, depth_max)).order_by(ImageData.depth)
    return jsonify([base64.b64encode(frame.resized_image_data).decode() for frame in found])


if __name__ == "__main__":
    with app.app_context():
        db.create_all()
    app.run(port=int(sys.argv[1]))
