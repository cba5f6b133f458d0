"""From linear light to a photograph: exposure, white balance, tone curve, backdrop, focus and sensor noise."""

import numpy as np

MIDDLE_GREY = 0.30
EXPOSURE_RANGE = (0.5, 2.2)
STOPS = 0.22  # spread of the exposure a camera chose


def expose(linear, person):
    """Display colour (premultiplied) of premultiplied linear light.

    Exposure and white balance are corrected as far as cameras do: what is left is an error of about a quarter of
    a stop and of a few percent a channel, so that a drawing's colours can still be told from the photo.
    """
    rng = person.random("camera")
    colour, alpha = linear[..., :3], linear[..., 3:]
    covered = alpha[..., 0] > 0.5
    brightness = colour[covered].mean() if covered.any() else MIDDLE_GREY
    exposure = np.clip(np.sqrt(MIDDLE_GREY / max(brightness, 0.06)), *EXPOSURE_RANGE) * 2 ** rng.normal(0, STOPS)
    cast = 1 + rng.normal(0, 1) * np.array([0.05, 0.0, -0.06]) + rng.normal(0, 0.02, 3)
    straight = colour / np.maximum(alpha, 1e-3) * exposure * cast.astype(np.float32)
    shouldered = np.clip(straight * (1 + 0.10 * straight) / (1 + 0.28 * straight), 0, 1)
    display = _graded(shouldered ** (1 / 2.2), rng)
    return np.clip(display, 0, 1).astype(np.float32) * alpha


def _graded(display, rng):
    """Contrast and saturation of a picture profile."""
    contrast, saturation = rng.uniform(0.85, 1.2), rng.uniform(0.8, 1.2)
    display = 0.5 + (display - 0.5) * contrast
    grey = display.mean(-1, keepdims=True)
    return grey + (display - grey) * saturation


def compose(colour, alpha, backdrop, person):
    """(size, size, 3) uint8 photo: the person before the backdrop, a little soft and noisy."""
    rng = person.random("finish")
    image = colour + backdrop * (1 - alpha)
    for _ in range(rng.choice(4, p=(0.3, 0.4, 0.2, 0.1))):
        image = _soften(image, rng.uniform(0.0, 0.7))
    grain = rng.uniform(0.002, 0.008) * (1 if rng.uniform() < 0.8 else 3)
    image = image + rng.normal(0, grain, image.shape[:2] + (1,)) + rng.normal(0, 0.6 * grain, image.shape)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _soften(image, amount):
    """Mix with the mean of the four neighbours."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return (1 - amount) * image + amount * 0.25 * around
