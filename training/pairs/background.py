"""The backdrop shared by both pictures of a pair, in display space: a blurred room, a plain wall, or white."""

import numpy as np
from PIL import Image

SCENE_SHARE, PLAIN_SHARE = 0.5, 0.2  # the rest is white, which is what matting leaves at inference
COARSE = 64  # a scene is painted this small and enlarged, which blurs it


def background(person, size):
    """(size, size, 3) float32 in 0..1."""
    rng = person.random("background")
    kind = rng.uniform()
    if kind < SCENE_SHARE:
        return _scene(rng, size)
    colour = _muted(rng) ** (1 / 2.2) if kind < SCENE_SHARE + PLAIN_SHARE else np.ones(3)
    return np.broadcast_to(colour.astype(np.float32), (size, size, 3))


def _muted(rng):
    colour = rng.uniform(0.08, 0.75) * np.array([1 + rng.normal(0, 0.15), 1, 1 + rng.normal(0, 0.15)])
    return np.clip(colour, 0, 1)


def _scene(rng, size):
    """A wall with a gradient and a few soft boxes: furniture, windows, lamps out of focus."""
    y, x = np.mgrid[0:1:COARSE * 1j, 0:1:COARSE * 1j]
    slope = 1 + rng.normal(0, 0.35) * (y - 0.5) + rng.normal(0, 0.35) * (x - 0.5)
    scene = _muted(rng) * slope.clip(0.3, 2)[..., None]
    for _ in range(rng.integers(2, 10)):
        (cx, cy), (w, h) = rng.uniform(-0.1, 1.1, 2), rng.uniform(0.05, 0.45, 2)
        colour = rng.uniform(0.02, 1.0) * np.array([rng.uniform(0.6, 1.3), 1, rng.uniform(0.6, 1.3)])
        blur = rng.uniform(0.015, 0.08)
        inside = (_edge(w / 2 - abs(x - cx), blur) * _edge(h / 2 - abs(y - cy), blur))[..., None]
        scene = scene * (1 - inside) + colour * inside
    display = (scene.clip(0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    large = Image.fromarray(display).resize((size, size), Image.BICUBIC)
    return np.asarray(large, np.float32) / 255


def _edge(distance, blur):
    return 1 / (1 + np.exp(-distance / blur))
