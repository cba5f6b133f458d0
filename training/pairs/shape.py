"""The shape of a head: weights of morph targets for a person, and the illustrator's exaggerations."""

import numpy as np

from . import looks

AGES = ("baby", "child", "young", "old")
EXPRESSION = "expression/units/caucasian/"


def feature_names(pack):
    """Targets that a person's free features are drawn from; left ones stand for both sides."""
    return tuple(
        name for name in pack.target_names
        if name.split("/")[0] in looks.FEATURE_FOLDERS and "/r-" not in name
        and not any(word in name for word in looks.FEATURE_BANNED)
    )


def head(pack, person):
    """(n, 3) vertices of the person's head as photographed, before posing."""
    vertices = pack.rest.copy()
    for weights in (_macro(person), _both_sides(dict(person.features)), _expression(person)):
        for name, weight in weights.items():
            pack.add_target(vertices, name, weight)
    return vertices


def cartoon(pack, person, photo_head):
    """The same head as the illustrator draws it: features damped, eyes enlarged, small nose."""
    vertices = photo_head.copy()
    for weights in (_damped(person), _both_sides(_group_style(person)), _relaxed(person)):
        for name, weight in weights.items():
            pack.add_target(vertices, name, weight)
    scale = {"kid": (0.34, 0.46), "elderly": (0.24, 0.38)}.get(person.group, (0.26, 0.42))
    for joint in ("l-eye", "r-eye"):
        _enlarge_eye(vertices, pack.joint(vertices, joint), *scale)
    return vertices


def _macro(person):
    """Gender, age, ancestry, weight and muscle, as MakeHuman combines them: products of anchor weights."""
    female = 1.0 if person.gender == "female" else 0.0
    if person.group == "kid":  # children differ less
        female = 0.5 + 0.7 * (female - 0.5)
    age = {name: np.interp(person.age, looks.AGE_ANCHORS, np.eye(4)[i]) for i, name in enumerate(AGES)}
    weights = {}
    for gender, gender_weight in (("female", female), ("male", 1 - female)):
        for stage, stage_weight in age.items():
            base = gender_weight * stage_weight
            for ancestry, share in person.ancestry.items():
                weights[f"macrodetails/{ancestry}-{gender}-{stage}"] = base * share
            for muscle, muscle_weight in _thirds(person.muscle, "muscle").items():
                for mass, mass_weight in _thirds(person.weight, "weight").items():
                    name = f"macrodetails/universal-{gender}-{stage}-{muscle}-{mass}"
                    weights[name] = base * muscle_weight * mass_weight
    return {name: weight for name, weight in weights.items() if weight > 0}


def _thirds(value, name):
    """Weights of min / average / max for a value in -1 .. 1."""
    return {f"min{name}": max(0.0, -value), f"average{name}": 1 - abs(value), f"max{name}": max(0.0, value)}


def _both_sides(weights):
    mirrored = {name.replace("/l-", "/r-"): weight for name, weight in weights.items()}
    return weights | mirrored


def _expression(person):
    weights = {
        "mouth-corner-puller": 0.75 * person.smile + 0.35 * person.teeth,
        "mouth-open": 0.14 * person.teeth + 0.3 * person.jaw,
        "mouth-upward-retraction": 0.06 * person.teeth,
        "mouth-elevation": 0.5 * person.teeth,
        "mouth-retraction": 0.3 * person.teeth,
    }
    for side in ("left", "right"):
        weights[f"eyebrows-{side}-up"] = 0.6 * person.brow_lift
        weights[f"eyebrows-{side}-inner-up"] = 0.35 + 0.3 * person.brow_lift
        weights[f"eye-{side}-closure"] = person.blink
        weights[f"eye-{side}-slit"] = 0.09 * person.smile  # cheeks push the lids in a smile
    return {EXPRESSION + name: weight for name, weight in weights.items() if weight}


def _damped(person):
    """A quarter less of every free feature: an illustrator simplifies."""
    return _both_sides({name: -0.25 * weight for name, weight in person.features})


def _relaxed(person):
    """Wider eyes, friendlier brows, a little more smile than in the photo."""
    # Enlarging the eyes tilts the brows inwards, which reads as anger; children show it most.
    inner = {"kid": 0.5, "woman": 0.5, "elderly": 0.4}.get(person.group, 0.25)
    weights = {"mouth-corner-puller": 0.12 * person.smile}
    for side in ("left", "right"):
        weights[f"eyebrows-{side}-inner-up"] = inner
        weights[f"eye-{side}-closure"] = -0.5 * person.blink if person.blink < 0.5 else 0.0
        weights[f"eye-{side}-slit"] = -0.045 * person.smile
    return {EXPRESSION + name: weight for name, weight in weights.items()}


def _group_style(person):
    style = {
        "eyes/l-eye-scale-incr": 0.5, "eyes/l-eye-height2-incr": 0.5,
        "nose/nose-scale-horiz-decr": 0.6, "nose/nose-scale-vert-decr": 0.25, "nose/nose-scale-depth-decr": 0.3,
        "nose/nose-flaring-decr": 0.4, "nose/nose-width1-decr": 0.3, "mouth/mouth-scale-horiz-decr": 0.25,
    }
    if person.group == "kid":
        return style | {"head/head-round": 0.3, "cheek/l-cheek-volume-incr": 0.5, "head/head-age-decr": 0.6,
                        "nose/nose-scale-vert-decr": 0.4, "chin/chin-width-decr": 0.2}
    if person.gender == "male":
        return style | {"nose/nose-scale-horiz-decr": 0.4, "chin/chin-width-incr": 0.4, "chin/chin-bones-incr": 0.5,
                        "head/head-rectangular": 0.15, "mouth/mouth-scale-horiz-decr": 0.1}
    return style | {"head/head-age-decr": 0.0 if person.group == "elderly" else 0.6,
                    "chin/chin-triangle": 0.25, "head/head-oval": 0.25}


def _enlarge_eye(vertices, centre, wider, taller):
    """Swell the face around an eye, in place; the effect fades with a Gaussian of about the orbit's size."""
    delta = vertices[:, :2] - centre[:2]
    # Narrower for close-set eyes, so that the two swellings do not meet on the nose.
    width = 0.36 * max(0.3, 2 * abs(centre[0])) / 0.62
    radius2 = (delta[:, 0] ** 2 + (1.1 * delta[:, 1]) ** 2) / width ** 2
    fade = np.exp(-radius2) * (vertices[:, 2] > centre[2] - 0.9)
    vertices[:, 0] += wider * fade * delta[:, 0]
    vertices[:, 1] += taller * fade * delta[:, 1]
