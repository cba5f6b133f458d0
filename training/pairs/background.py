"""The backdrop shared by both pictures of a pair, in display space: a studio, a room, clutter, a wall, or white."""

import numpy as np
from PIL import Image

SHARES = (0.25, 0.33, 0.12, 0.12, 0.18)  # studio, room out of focus, room in focus, plain, white (what matting leaves)
COARSE = 64  # a scene is painted this small and enlarged, which blurs it


def background(person, size):
    """(size, size, 3) float32 in 0..1."""
    rng = person.random("background")
    kind = rng.choice(5, p=SHARES)
    if kind == 0:
        return _studio(rng, size)
    if kind < 3:
        return _scene(rng, size, sharp=kind == 2)
    colour = _muted(rng) ** (1 / 2.2) if kind == 3 else np.ones(3)
    return np.broadcast_to(colour.astype(np.float32), (size, size, 3))


def _muted(rng):
    colour = rng.uniform(0.08, 0.75) * np.array([1 + rng.normal(0, 0.15), 1, 1 + rng.normal(0, 0.15)])
    return np.clip(colour, 0, 1)


def _studio(rng, size):
    """Painted canvas: mottled, brighter behind the head."""
    y, x = np.mgrid[-1:1:COARSE * 1j, -1:1:COARSE * 1j]
    glow = np.exp(-((x - rng.normal(0, 0.3)) ** 2 + (y - rng.normal(0, 0.3)) ** 2) / rng.uniform(0.4, 1.5))
    mottle = sum(_cloud(rng, cells) * strength for cells, strength in ((4, 0.12), (9, 0.06), (20, 0.03)))
    colour = _muted(rng) * np.array([rng.uniform(0.6, 1.2), 1, rng.uniform(0.7, 1.4)])
    return _enlarged(colour * (1 + rng.uniform(0, 0.8) * glow + rng.uniform(0, 1.5) * mottle)[..., None], size)


def _cloud(rng, cells):
    """(COARSE, COARSE) smooth noise around 0."""
    small = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype(np.float32))
    return np.asarray(small.resize((COARSE, COARSE), Image.BICUBIC))


def _scene(rng, size, sharp):
    """A wall with a gradient and boxes: furniture, windows, lamps, books; out of focus unless `sharp`."""
    side = size if sharp else COARSE
    y, x = np.mgrid[0:1:side * 1j, 0:1:side * 1j]
    slope = 1 + rng.normal(0, 0.35) * (y - 0.5) + rng.normal(0, 0.35) * (x - 0.5)
    scene = _muted(rng) * slope.clip(0.3, 2)[..., None]
    for _ in range(rng.integers(2, 10) + (8 if sharp else 0)):
        (cx, cy), (w, h) = rng.uniform(-0.1, 1.1, 2), rng.uniform(0.05, 0.45, 2)
        colour = rng.uniform(0.02, 1.0) * np.array([rng.uniform(0.6, 1.3), 1, rng.uniform(0.6, 1.3)])
        blur = rng.uniform(0.002, 0.01) if sharp else rng.uniform(0.015, 0.08)
        inside = (_edge(w / 2 - abs(x - cx), blur) * _edge(h / 2 - abs(y - cy), blur))[..., None]
        scene = scene * (1 - inside) + colour * inside
    return _enlarged(scene, size)


def _enlarged(scene, size):
    display = (scene.clip(0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    large = Image.fromarray(display).resize((size, size), Image.BICUBIC)
    return np.asarray(large, np.float32) / 255


def _edge(distance, blur):
    return 1 / (1 + np.exp(-np.clip(distance / blur, -30, 30)))
