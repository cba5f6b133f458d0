"""From linear light to a photograph: exposure, tone curve, backdrop, soft focus and sensor noise."""

import numpy as np

MIDDLE_GREY = 0.30
EXPOSURE_RANGE = (0.5, 2.2)


def expose(linear, warmth):
    """Display colour (premultiplied) of premultiplied linear light. Exposure is corrected half way, as cameras do."""
    colour, alpha = linear[..., :3], linear[..., 3:]
    covered = alpha[..., 0] > 0.5
    brightness = colour[covered].mean() if covered.any() else MIDDLE_GREY
    exposure = np.clip(np.sqrt(MIDDLE_GREY / max(brightness, 0.06)), *EXPOSURE_RANGE)
    cast = np.array([1 + 0.05 * warmth, 1, 1 - 0.06 * warmth], np.float32)
    straight = colour / np.maximum(alpha, 1e-3) * exposure * cast
    shouldered = straight * (1 + 0.10 * straight) / (1 + 0.28 * straight)
    return np.clip(shouldered, 0, 1) ** (1 / 2.2) * alpha


def compose(colour, alpha, backdrop, person):
    """(size, size, 3) uint8 photo: the person before the backdrop, a little soft and noisy."""
    rng = person.random("finish")
    image = _soften(colour + backdrop * (1 - alpha), rng.uniform(0.0, 0.45))
    grain = rng.uniform(0.002, 0.010)
    image = image + rng.normal(0, grain, image.shape[:2] + (1,)) + rng.normal(0, 0.004, image.shape)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _soften(image, amount):
    """Mix with the mean of the four neighbours."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return (1 - amount) * image + amount * 0.25 * around
