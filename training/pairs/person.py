"""A person: every random choice of a portrait, drawn from (group, seed, index) and nothing else."""

import colorsys
from dataclasses import dataclass

import numpy as np

from . import GROUPS, looks

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
    features: tuple  # ((morph target, weight 0..1), ...), left-side targets stand for both sides
    smile: float  # 0..1
    teeth: float  # 0 closed mouth .. 1 wide smile
    brow_lift: float  # 0..1
    blink: float  # 0 open .. 1 closed
    hair: str | None
    hair_colour: tuple
    hair_mirrored: bool
    face_opening: float  # 0: the fringe hangs freely; 1: the usual oval of face is kept free of hair
    eye: str
    brow: str
    lash: str
    lash_strength: float  # 0..1
    beard: float  # 0 shaved .. 1 full
    shirt: tuple
    collar: float  # height where the shirt ends, decimetres in the rest pose
    yaw: float  # of the head, + to the viewer's right
    pitch: float
    roll: float
    torso_yaw: float
    zoom: float  # 1: the usual crop; more: a smaller head

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
            "pitch": round(self.pitch, 2), "roll": round(self.roll, 2),
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
    if main == "african":  # one dark sheet stands for a wide range of tones
        tone = tone * rng.uniform(1.1, 1.8) * np.array((1.0, 1.02, 0.86))
    return dict(skin=skin, tone=tuple(tone), saturation=saturation)


def _features(group, names, rng):
    spread = looks.FEATURE_SPREAD[group]
    picked = rng.choice(len(names), FEATURE_COUNT, replace=False)
    return dict(features=tuple((names[k], abs(rng.normal(0, spread))) for k in picked))


def _expression(group, rng):
    smile = rng.uniform(0.1, 1.0) * (0.6 if group == "kid" else 1.0)
    teeth = rng.uniform(0.35, 0.45 if group == "kid" else 1.0) if rng.uniform() < 0.4 else 0.0
    return dict(smile=smile, teeth=teeth, brow_lift=rng.uniform(0, 0.8), blink=rng.uniform(0, 0.15))


def _hair(group, body, rng):
    female, main = body["gender"] == "female", body["main_ancestry"]
    style = _choose(rng, looks.HAIR[group, body["gender"]])
    if main == "african" and group != "elderly" and rng.uniform() < 0.4:
        style = "afro01" if rng.uniform() < (0.6 if female else 0.25) else "short04"
    colours = looks.HAIR_COLOURS if main == "caucasian" else looks.HAIR_COLOURS[:2]
    colour = np.array(_choose(rng, colours))
    if group == "elderly":
        colour = rng.uniform(*looks.GREY_RANGE) * np.array((1.0, 0.98, 0.95))
    male_beard = not female and group in ("man", "elderly") and rng.uniform() < 0.5
    return dict(hair=style, hair_colour=tuple(colour * rng.uniform(0.85, 1.2)), hair_mirrored=rng.uniform() < 0.5,
                face_opening=rng.uniform(*looks.FACE_OPENING.get(style, (0.0, 0.0))),
                beard=rng.uniform(0.25, 1.0) if male_beard else 0.0)


def _eyes(group, body, rng):
    eye = _choose(rng, looks.EYES_ANY if body["main_ancestry"] == "caucasian" else looks.EYES_DARK)
    brow_group = "woman" if group == "elderly" and body["gender"] == "female" else group
    return dict(eye=eye, brow=f"eyebrow{_choose(rng, looks.BROWS[brow_group]):03d}",
                lash=f"eyelashes{rng.integers(1, 5):02d}", lash_strength=rng.uniform(*looks.LASH_STRENGTH[group]))


def _clothes(group, rng):
    shirt = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.05, 0.75), rng.uniform(0.05, 0.85))
    collar = rng.uniform(5.5, 5.9) if group == "woman" else rng.uniform(5.75, 5.98)
    return dict(shirt=shirt, collar=collar)


def _pose(rng):
    return dict(yaw=float(np.clip(rng.normal(0, 10), -28, 28)), pitch=rng.normal(0, 4), roll=rng.normal(0, 3),
                torso_yaw=rng.normal(0, 8), zoom=rng.uniform(0.92, 1.2))
