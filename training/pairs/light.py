"""Light of a portrait: one key light and a sky of small lights with soft occlusion."""

import math
from dataclasses import dataclass

import numpy as np

from .camera import look_at, orthographic

SKY_LIGHTS = 8
SIDE_SHARE = 0.3  # of photos with the key light from the side
SHADOW_HALF_SIZE = 2.9  # decimetres around the head that a shadow map covers
SHADOW_DISTANCE = 7.0
CARTOON_AZIMUTH, CARTOON_ELEVATION = 24.0, 34.0  # one hand draws everyone in the same studio light


@dataclass(frozen=True)
class Light:
    """Directions point towards the light; colours are linear RGB."""

    direction: np.ndarray
    colour: np.ndarray
    matrix: np.ndarray  # world to the key light's shadow map
    sky_direction: np.ndarray  # (SKY_LIGHTS, 3)
    sky_colour: np.ndarray
    sky_matrix: np.ndarray  # (SKY_LIGHTS, 4, 4)
    warmth: float  # -1 cold .. 1 warm, the cast left in the photo


def sample(person, landmarks):
    """Light of the photo."""
    rng = person.random("light")
    centre = landmarks.head + np.array([0, 0.1, 0.3])
    azimuth, elevation = rng.uniform(10, 65), rng.uniform(5, 55)
    from_side = rng.uniform() < SIDE_SHARE  # a window or a low sun
    if from_side:
        azimuth, elevation = rng.uniform(60, 100), rng.uniform(-5, 40)
    direction = _direction(_side(person) * azimuth, elevation)
    warmth = rng.uniform(-1, 1)
    colour = rng.uniform(0.5, 2.6) * np.array([1 + 0.16 * warmth, 1 + rng.normal(0, 0.03), 1 - 0.20 * warmth])
    sky, sky_colour = _sky(rng, warmth)
    if from_side:  # the other half of the face lies in the shade, less or more
        sky_colour = sky_colour * rng.uniform(0.35, 1.0)
    matrices = np.stack([_shadow_matrix(centre, towards) for towards in sky])
    return Light(direction, colour, _shadow_matrix(centre, direction), sky, sky_colour, matrices, warmth)


def cartoon_key(person, landmarks):
    """Direction and shadow matrix of the cartoon's light, from the same side as the photo's."""
    direction = _direction(_side(person) * CARTOON_AZIMUTH, CARTOON_ELEVATION)
    return direction, _shadow_matrix(landmarks.head + np.array([0, 0.1, 0.3]), direction)


def _side(person):
    return -1 if person.random("light-side").uniform() < 0.5 else 1


def _direction(azimuth, elevation):
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)])


def _shadow_matrix(centre, direction):
    up = (0, 1, 0) if abs(direction[1]) < 0.95 else (0, 0, 1)
    view = look_at(centre + SHADOW_DISTANCE * direction, centre, up)
    return orthographic(SHADOW_HALF_SIZE, 0.1, 2 * SHADOW_DISTANCE) @ view


def _sky(rng, warmth):
    """Lights spread over the sphere down to a little under the horizon (golden-angle spiral)."""
    strength = rng.uniform(0.55, 1.4)
    zenith = rng.uniform(0.6, 1.3) * np.array([1 - 0.10 * warmth, 1, 1 + 0.16 * warmth])
    horizon = rng.uniform(0.5, 1.1) * (1 + rng.normal(0, 0.08, 3))
    ground = rng.uniform(0.15, 0.5) * np.array([1.05, 1.0, 0.9])
    directions, colours = [], []
    for k in range(SKY_LIGHTS):
        y, angle = 1 - (k + 0.5) / SKY_LIGHTS * 1.45, 2.39996 * k + 0.4
        ring = math.sqrt(max(0.0, 1 - y * y))
        directions.append((ring * math.sin(angle), y, ring * math.cos(angle)))
        colour = zenith * max(0, y) + horizon * (1 - abs(y)) + ground * max(0, -y)
        front = 1.25 if directions[-1][2] > 0 else 0.8  # the room behind the camera is lit
        colours.append(2.2 * strength / SKY_LIGHTS * front * colour)
    return np.array(directions), np.array(colours)
