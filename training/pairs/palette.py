"""The illustrator's colours for a person (display RGB, 0..1)."""

from dataclasses import dataclass

import numpy as np

from . import looks

# A photo's mean skin value -> the painted one: dark skins are lifted, all keep their order.
SKIN_VALUE = ((0.15, 0.35, 0.60, 0.80), (0.36, 0.50, 0.76, 0.84))
DARK_HUE, LIGHT_HUE = np.array([1.30, 0.96, 0.74]), np.array([1.16, 0.985, 0.86])
NEUTRAL_HUE = np.array([1.22, 0.97, 0.81])  # of the photos' skins; a person's difference from it is kept in part
ELDERLY_BROW = np.array([1.04, 0.98, 0.90])  # neutral grey between warm skins looks blue
HAIR_CEILING = 0.80  # lighter hair leaves no room for highlights and reads as a hole


@dataclass(frozen=True)
class Palette:
    skin: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    iris: np.ndarray
    lip: np.ndarray
    shirt: np.ndarray
    jacket: np.ndarray
    tie: np.ndarray


def of(pack, person):
    """Palette of a person."""
    skin = _skin(pack.skin_mean(person.skin), person)
    hair = _hair(np.array(person.hair_colour))
    return Palette(skin, hair, _brow(hair, skin, person), np.array(looks.IRIS[person.eye]), _lip(skin, person),
                   _cloth(person.shirt), _cloth(person.jacket), _cloth(person.tie or person.shirt))


def _cloth(linear):
    return _display(np.array(linear)).clip(0.15, 0.93)


def _display(linear):
    return np.clip(linear, 0, 1) ** (1 / 2.2)


def _skin(sheet_mean, person):
    photo = _display(sheet_mean ** 2.2 * np.array(person.tone))
    photo = photo.mean() + (photo - photo.mean()) * person.saturation
    value = np.interp(photo.mean(), *SKIN_VALUE)
    lightness = (value - SKIN_VALUE[1][0]) / (SKIN_VALUE[1][-1] - SKIN_VALUE[1][0])
    hue = DARK_HUE * (1 - lightness) + LIGHT_HUE * lightness
    own = 0.35 * (photo / photo.mean() - NEUTRAL_HUE)
    return np.clip(value * (hue + own), 0, 1)


def _hair(linear):
    colour = _display(linear)
    vivid = colour.mean() + 1.35 * (colour - colour.mean())
    lifted = 1.10 * vivid + 0.02
    return np.clip(lifted * min(1.0, HAIR_CEILING / lifted.mean()), 0, 0.9)


def _brow(hair, skin, person):
    if person.group == "elderly":
        return 0.72 * hair * ELDERLY_BROW
    # Brows must be darker than the skin they are drawn on, whatever the hair.
    return np.minimum(0.75 * hair, 0.6 * skin)


def _lip(skin, person):
    if person.gender == "female" and person.group != "kid":
        return np.array([0.80, 0.30, 0.32]) * np.clip(skin.mean() / 0.72, 0.72, 1.15)
    return skin * np.array([0.88, 0.60, 0.58])
