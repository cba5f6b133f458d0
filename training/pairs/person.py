"""A person: every random choice of a portrait, drawn from (group, seed, index) and nothing else."""

import colorsys
from dataclasses import dataclass

import numpy as np

from . import GROUPS, glasses, looks

FEATURE_COUNT = 26


@dataclass(frozen=True)
class Person:
    """One person. Angles are degrees; colours are linear RGB unless a comment says otherwise."""

    group: str  # woman, man, kid, elderly
    seed: int
    index: int
    gender: str  # female, male
    age: float  # 0 (1 year) .. 1 (90 years), MakeHuman's scale
    ancestry: dict  # weights of african, asian, caucasian; they add up to 1
    main_ancestry: str
    weight: float  # -1 thin .. 1 heavy
    muscle: float  # -1 .. 1
    skin: str  # pack skin without the 'skin_' prefix
    tone: tuple  # multiplies the skin colour
    saturation: float  # of the skin, 1: as on the sheet
    freckles: float  # 0..1, in the photo only
    blotches: float  # 0..1, red patches, in the photo only
    oil: float  # shine of the skin, 1: usual
    wrinkles: float  # 0..1, how deep the photo shows the lines of old faces
    features: tuple  # ((morph target, weight 0..1), ...), left-side targets stand for both sides
    smile: float  # 0..1
    teeth: float  # 0 closed mouth .. 1 wide smile
    jaw: float  # 0..1, how far the jaw drops besides
    brow_lift: float  # 0..1
    blink: float  # 0 open .. 1 closed
    gaze: tuple  # yaw and pitch of the eyes in the head
    hair: str | None
    hair_colour: tuple
    hair_mirrored: bool
    hair_volume: tuple  # width and height, 1: as modelled
    face_opening: float  # 0: the fringe hangs freely; 1: the usual oval of face is kept free of hair
    eye: str
    brow: str
    lash: str
    lash_strength: float  # 0..1
    beard: float  # density: 0 shaved, 0.1 a shadow .. 1 full
    beard_zones: tuple  # moustache, chin, cheeks: 0..1
    glasses: glasses.Glasses | None
    suit: bool  # a jacket over the shirt, and a tie if it is tied
    jacket: tuple
    tie: tuple | None
    shirt: tuple
    collar: float  # height where the shirt ends, decimetres in the rest pose
    yaw: float  # of the head, + to the viewer's right
    pitch: float
    roll: float
    torso_yaw: float
    zoom: float  # 1: the usual crop; more: a smaller head
    off_centre: tuple  # where the camera aims beside the face, in half pictures
    lens: float  # from the axis to the edge of the picture; long lenses flatten a face

    @property
    def years(self):
        """Age in years."""
        return float(np.interp(self.age, looks.AGE_ANCHORS, looks.AGE_YEARS))

    def random(self, stream):
        """A generator for one later step ('light', 'background', ...), independent of the others."""
        return _generator(self.group, self.seed, self.index, stream)

    def meta(self):
        """The line of meta.jsonl."""
        return {
            "index": self.index, "group": self.group, "seed": self.seed, "gender": self.gender,
            "years": round(self.years, 1), "tone": looks.TONE_CLASS[self.main_ancestry], "hair": self.hair,
            "beard": round(self.beard, 2), "teeth": round(self.teeth, 2), "yaw": round(self.yaw, 2),
            "pitch": round(self.pitch, 2), "roll": round(self.roll, 2), "glasses": self.glasses is not None,
            "blink": round(self.blink, 2), "zoom": round(self.zoom, 2),
        }


def _generator(group, seed, index, stream):
    entropy = [GROUPS.index(group), seed, index, *stream.encode()]
    return np.random.default_rng(entropy)


def sample(group, seed, index, feature_names):
    """Draw a person. `feature_names`: the pack's targets (see `shape.feature_names`)."""
    rng = _generator(group, seed, index, "person")
    body = _body(group, rng)
    return Person(
        group=group, seed=seed, index=index, **body,
        **_skin(group, body, rng), **_features(group, feature_names, rng), **_expression(group, rng),
        **_hair(group, body, rng), **_eyes(group, body, rng), **_clothes(group, rng), **_pose(rng),
        glasses=glasses.sample(rng, group),
    )


def _choose(rng, options):
    return options[rng.integers(len(options))]


def _body(group, rng):
    gender = {"woman": "female", "man": "male"}.get(group) or _choose(rng, ("female", "male"))
    names = ("african", "asian", "caucasian")
    main = names[rng.choice(3, p=(0.3, 0.3, 0.4))]
    other = _choose(rng, [name for name in names if name != main])
    share = rng.uniform(0.7, 1.0)
    ancestry = dict.fromkeys(names, 0.0) | {main: share, other: 1 - share}
    return dict(gender=gender, age=rng.uniform(*looks.AGE_RANGE[group]), ancestry=ancestry, main_ancestry=main,
                weight=rng.uniform(-0.7, 0.8), muscle=rng.uniform(-0.5, 0.5))


def _skin(group, body, rng):
    main = body["main_ancestry"]
    # The young female sheets wear make-up; children take the male ones.
    young, middle, old = looks.SKINS[main, "male" if group == "kid" else body["gender"]]
    skin = old if group == "elderly" else middle if body["age"] > 0.6 else young
    if skin == "young_lightskinned_female2" and rng.uniform() < 0.4:
        skin = "young_lightskinned_female3"
    tone = rng.uniform(0.92, 1.1) * np.array((1.0, rng.uniform(0.97, 1.03), rng.uniform(0.95, 1.05)))
    saturation = rng.uniform(0.87, 1.02) * looks.SKIN_SATURATION.get(skin, 1.0)
    # A few sheets stand for all tones, so that there is no gap between light and dark for a network to jump over.
    if main == "african":
        tone = tone * rng.uniform(0.9, 2.3) * np.array((1.0, 1.02, 0.86))
    elif rng.uniform() < 0.45:  # tanned to brown
        tone = tone * rng.uniform(0.42, 0.9) * np.array((1.0, 0.95, 0.90))
    deep = {"elderly": rng.uniform(0.45, 1.0), "kid": 0.0}.get(group, max(0.0, 1.6 * (body["age"] - 0.5)) * rng.uniform())
    return dict(skin=skin, tone=tuple(tone), saturation=saturation, blotches=rng.uniform() ** 2,
                freckles=rng.uniform(0.2, 0.7) if rng.uniform() < 0.12 else 0.0, oil=rng.uniform(0.25, 1.3), wrinkles=deep)


def _features(group, names, rng):
    spread = looks.FEATURE_SPREAD[group]
    picked = rng.choice(len(names), FEATURE_COUNT, replace=False)
    return dict(features=tuple((names[k], abs(rng.normal(0, spread))) for k in picked))


def _expression(group, rng):
    smile = rng.uniform(0.0, 1.0) * (0.6 if group == "kid" else 1.0)
    teeth = rng.uniform(0.35, 0.7 if group == "kid" else 1.0) if rng.uniform() < 0.5 else 0.0
    jaw = rng.uniform() ** 2 if teeth > 0.4 else 0.0
    blink = 1.0 if rng.uniform() < 0.05 else rng.uniform(0, 0.2)
    gaze = tuple(np.clip(rng.normal(0, (9, 5)), (-24, -12), (24, 12)))
    return dict(smile=smile, teeth=teeth, jaw=jaw, brow_lift=rng.uniform(0, 0.8), blink=blink, gaze=gaze)


def _hair(group, body, rng):
    female, main = body["gender"] == "female", body["main_ancestry"]
    style = _choose(rng, looks.HAIR[group, body["gender"]])
    if main == "african" and group != "elderly" and rng.uniform() < 0.4:
        style = "afro01" if rng.uniform() < (0.6 if female else 0.25) else "short04"
    colours = looks.HAIR_COLOURS if main == "caucasian" else looks.HAIR_COLOURS[:3]
    colour = np.array(_choose(rng, colours))
    if group == "elderly" or rng.uniform() < looks.GREY_SHARE[group]:
        colour = rng.uniform(*looks.GREY_RANGE) * np.array((1.0, 0.98, 0.95))
    beard, zones = 0.0, _choose(rng, looks.BEARDS)
    if not female and group in ("man", "elderly") and rng.uniform() < 0.65:
        beard = rng.uniform(0.06, 0.2) if rng.uniform() < 0.3 else rng.uniform(0.4, 1.0)
        zones = (1.0, 1.0, 1.0) if beard < 0.2 else zones
    return dict(hair=style, hair_colour=tuple(colour * rng.uniform(0.8, 1.25)), hair_mirrored=rng.uniform() < 0.5,
                face_opening=rng.uniform(*looks.FACE_OPENING.get(style, (0.0, 0.0))),
                hair_volume=(rng.uniform(0.99, 1.10), rng.uniform(0.99, 1.10)), beard=beard, beard_zones=zones)


def _eyes(group, body, rng):
    eye = _choose(rng, looks.EYES_ANY if body["main_ancestry"] == "caucasian" else looks.EYES_DARK)
    brow_group = "woman" if group == "elderly" and body["gender"] == "female" else group
    return dict(eye=eye, brow=f"eyebrow{_choose(rng, looks.BROWS[brow_group]):03d}",
                lash=f"eyelashes{rng.integers(1, 5):02d}", lash_strength=rng.uniform(*looks.LASH_STRENGTH[group]))


def _clothes(group, rng):
    shirt = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.05, 0.75), rng.uniform(0.05, 0.85))
    collar = rng.uniform(5.5, 5.9) if group == "woman" else rng.uniform(5.75, 5.98)
    suit = rng.uniform() < looks.SUIT_SHARE[group]
    jacket = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.0, 0.6), rng.uniform() ** 2 * 0.5 + 0.008)
    tie = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.2, 0.9), rng.uniform(0.02, 0.5))
    if suit:
        collar = rng.uniform(5.95, 6.1)
        if rng.uniform() < 0.6:
            shirt = tuple(rng.uniform(0.7, 0.95) * np.array((rng.uniform(0.85, 1), rng.uniform(0.92, 1), 1.0)))
    return dict(shirt=shirt, collar=collar, suit=suit, jacket=jacket,
                tie=tie if suit and group != "woman" and rng.uniform() < 0.7 else None)


def _pose(rng):
    yaw, pitch, roll = np.clip(rng.normal(0, (13, 6, 5)), (-35, -20, -15), (35, 20, 15))
    zoom = rng.uniform(0.88, 1.25) if rng.uniform() < 0.6 else rng.uniform(1.25, 1.7)
    return dict(yaw=float(yaw), pitch=float(pitch), roll=float(roll), torso_yaw=0.5 * yaw + rng.normal(0, 8), zoom=zoom,
                off_centre=tuple(rng.uniform(-1, 1, 2) * (0.12, 0.08)), lens=rng.uniform(6, 19))
