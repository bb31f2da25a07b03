"""
Writes pictures of all kinds that Pillow can write into a folder, and for each what Pillow itself shows: 8-bit RGBA, H×W×4.

Usage: pillow.py FOLDER. Prints one JSON object per line: name, width, height, pages; the pixels are in NAME.rgba. AVIF files with
code points for their colours, which Pillow does not heed, are in FOLDER/code-points, and those to be refused in FOLDER/refused.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

folder = Path(sys.argv[1])
WIDTH, HEIGHT = 48, 32
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
red, green, blue = x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x + y) * 255 // (WIDTH + HEIGHT - 2)
rgb = np.stack([red, green, blue], -1).astype(np.uint8)
alpha = np.where(x < WIDTH // 2, 255, blue).astype(np.uint8)
color = Image.fromarray(rgb)

PICTURES = {
    "1": Image.fromarray(red.astype(np.uint8)).convert("1", dither=Image.Dither.NONE),
    "L": Image.fromarray(red.astype(np.uint8)),
    "LA": Image.merge("LA", [Image.fromarray(red.astype(np.uint8)), Image.fromarray(alpha)]),
    "P": color.quantize(64),
    "RGB": color,
    "RGBA": Image.merge("RGBA", [*color.split(), Image.fromarray(alpha)]),
    "YCbCr": color.convert("YCbCr"),
    "CMYK": Image.fromarray(np.stack([red, green, blue, (x * y) % 128], -1).astype(np.uint8), "CMYK"),
    "I;16": Image.fromarray((x * 65535 // (WIDTH - 1)).astype(np.uint16)),
    "F": Image.fromarray((x / (WIDTH - 1)).astype(np.float32)),
}


def shown(picture):
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "I;16":
        grey = (np.asarray(picture) >> 8).astype(np.uint8)
        picture = Image.fromarray(grey)
    elif picture.mode == "F":
        picture = Image.fromarray(np.round(np.asarray(picture) * 255).astype(np.uint8))
    return picture.convert("RGBA")


def save(name, picture, **options):
    path = folder / name
    picture.save(path, **options)
    with Image.open(path) as opened:
        pages = getattr(opened, "n_frames", 1)
        opened.seek(0)
        first = shown(opened)
    (folder / f"{name}.rgba").write_bytes(first.tobytes())
    print(json.dumps({"name": name, "width": first.width, "height": first.height, "pages": pages}))


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


for mode in ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]:
    save(f"png {mode}.png".replace(";", ""), PICTURES[mode])
for mode in ["L", "RGB", "YCbCr", "CMYK"]:
    for options in [{}, {"progressive": True}, {"subsampling": "4:4:4"}]:
        name = f"jpeg {mode} {' '.join(map(str, options.values()))}.jpg".replace(":", "")
        save(name, PICTURES[mode], quality=95, **options)
for orientation in range(1, 9):
    exif = oriented(orientation)
    for mode in ["L", "RGB"]:
        save(f"jpeg {mode} turned {orientation}.jpg", PICTURES[mode], quality=95, subsampling="4:4:4", exif=exif)
        # Pillow maps uncompressed grey into memory and then forgets to turn it.
        save(f"tiff {mode} turned {orientation}.tif", PICTURES[mode], exif=exif, compression="tiff_lzw")
    save(f"webp turned {orientation}.webp", PICTURES["RGBA"], lossless=True, exact=True, exif=exif)
    save(f"png turned {orientation}.png", PICTURES["RGB"], exif=exif)
    save(f"tiff F turned {orientation}.tif", PICTURES["F"], exif=exif)
for mode in ["1", "L", "LA", "P", "RGB", "RGBA", "YCbCr", "CMYK", "I;16", "F"]:
    for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"]:
        if compression == "jpeg" and mode not in ["L", "RGB", "YCbCr"]:
            continue
        save(f"tiff {mode} {compression}.tif".replace(";", ""), PICTURES[mode], compression=compression)
for mode in ["RGB", "RGBA"]:
    save(f"webp {mode}.webp", PICTURES[mode], lossless=True, exact=True)
    save(f"gif {mode}.gif", PICTURES[mode])
for subsampling in ["4:0:0", "4:2:0", "4:4:4"]:
    for levels in ["full", "limited"]:
        for mode in ["L", "RGB", "RGBA"] if subsampling != "4:0:0" else ["L"]:
            name = f"avif {mode} {subsampling} {levels}.avif".replace(":", "")
            save(name, PICTURES[mode], quality=100, subsampling=subsampling, range=levels)

# Primaries and transfer characteristics of ITU-T H.273.
CODE_POINTS = [(1, 13), (2, 2), (12, 13), (9, 1), (1, 8), (1, 4), (5, 6)]
# Of high dynamic range (PQ, HLG), and without a meaning in sRGB.
REFUSED = [(9, 16), (9, 18), (3, 13), (1, 9)]
for name in ["code-points", "refused"]:
    (folder / name).mkdir()
for mode, subsampling in [("L", "4:0:0"), ("RGB", "4:4:4"), ("RGB", "4:2:0")]:
    for levels in ["full", "limited"]:
        path = folder / "code-points" / "plain.avif"
        PICTURES[mode].save(path, quality=100, subsampling=subsampling, range=levels)
        data = path.read_bytes()
        path.unlink()
        at = data.index(b"nclx") + 4
        for primaries, transfer in CODE_POINTS + REFUSED:
            stated = data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]
            place = folder / ("refused" if (primaries, transfer) in REFUSED else "code-points")
            (place / f"{mode} {subsampling[2:].replace(':', '')} {levels}, {primaries}, {transfer}.avif").write_bytes(stated)

frames = [ImageOps.mirror(color), ImageOps.invert(color)]
for suffix in ["png", "avif"]:
    save(f"animation.{suffix}", color, save_all=True, append_images=frames, duration=100)
small = Image.new("P", (20, 16), 1)
small.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
for disposal in range(4):
    save(f"gif disposal {disposal}.gif", small, save_all=True, append_images=[small.rotate(90)], disposal=disposal)
