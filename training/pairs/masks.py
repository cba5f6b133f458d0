"""Draws the masks of a pack on its skin atlas: where lips, scalp and beard are, and the lines of a face.

All sheets share one layout: 600 x 1000 pixels, the head lies on its side, forehead to the left, and the midline of
the face is y = 360. Shapes are given for the upper half (a pixel over the midline) and mirrored.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE, MIDLINE = (600, 1000), 360
FINE = 4  # drawn this much larger, then averaged

LIPS = ((273, 361), (274, 351), (279, 343), (284, 341), (289, 344), (293, 351), (294, 361))
# From the neck behind the ear over the temple to the hairline.
SCALP = ((0, 0), (101, 0), (104, 50), (132, 38), (190, 26), (250, 24), (254, 60), (262, 95), (265, 130), (252, 152),
         (234, 170), (218, 192), (186, 216), (160, 240), (152, 270), (138, 295), (131, 320), (123, 340), (120, 361), (0, 361))
BEARD = ((238, 240), (337, 240), (337, 361), (295, 361), (293, 346), (272, 338), (270, 334), (294, 316), (265, 278))
MOUTH_LINE = ((282, 339), (284, 349), (285, 361))
NOSTRIL = (252.5, 352.5, 2.6)  # x, y, radius
WRINKLES = (
    ((213, 291), (213, 301)), ((201, 292), (204, 297), (208, 302)),  # beside the eye
    ((221, 311), (224, 320), (222, 330)),  # under it
    ((149, 316), (151, 334), (150, 361)), ((161, 322), (163, 341), (164, 361)),  # forehead
    ((281, 327), (266, 333), (249, 341)), ((302, 331), (292, 333)),  # from the nose to the mouth, beside the chin
)


def masks():
    """RGBA: red lips, green scalp, blue beard zone, alpha nostrils and mouth line."""
    lips, scalp, beard = (_filled(shape) for shape in (LIPS, SCALP, BEARD))
    x, y, radius = NOSTRIL
    circle = [(x - radius, y - radius), (x + radius, y + radius)]
    ink = _drawn(lambda draw: (draw.ellipse(_scaled(circle), fill=255), draw.line(_scaled(MOUTH_LINE), 255, FINE)))
    soft = ((lips, 0.8), (scalp, 2.5), (beard, 4.0), (ink, 0.7))
    return Image.merge("RGBA", [channel.filter(ImageFilter.GaussianBlur(radius)) for channel, radius in soft])


def wrinkles():
    """L: the lines of an old face."""
    return _drawn(lambda draw: [draw.line(_scaled(line), 255, 2 * FINE, "curve") for line in WRINKLES])


def _filled(shape):
    return _drawn(lambda draw: draw.polygon(_scaled(shape), fill=255))


def _drawn(draw):
    """What `draw` paints, and its mirror image, as an L picture of the atlas."""
    large = Image.new("L", (SIZE[0] * FINE, SIZE[1] * FINE))
    draw(ImageDraw.Draw(large))
    half = np.asarray(large.resize(SIZE, Image.BOX)).copy()
    half[MIDLINE + 1 :] = 0
    low = half[: MIDLINE + 1][::-1]
    half[MIDLINE : 2 * MIDLINE + 1] = np.maximum(half[MIDLINE : 2 * MIDLINE + 1], low)
    return Image.fromarray(half)


def _scaled(points):
    return [(FINE * x, FINE * y) for x, y in points]
