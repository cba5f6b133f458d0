"""What people of each group may look like: tables of skins, hair, brows, eyes and colours."""

# Pack skin by (ancestry, gender) and stage of life.
SKINS = {
    ("african", "female"): ("young_darkskinned_female", "middleage_darkskinned_female", "old_darkskinned_female"),
    ("african", "male"): ("young_darkskinned_male", "middleage_darkskinned_male", "old_darkskinned_male"),
    ("asian", "female"): ("young_lightskinned_female3", "middleage_lightskinned_female2", "old_lightskinned_female2"),
    ("asian", "male"): ("young_lightskinned_male3", "middleage_lightskinned_male2", "old_lightskinned_male2"),
    ("caucasian", "female"): (
        "young_lightskinned_female2", "middleage_lightskinned_female2", "old_lightskinned_female",
    ),
    ("caucasian", "male"): ("young_lightskinned_male", "middleage_lightskinned_male", "old_lightskinned_male"),
}
TONE_CLASS = {"african": "dark", "asian": "medium", "caucasian": "light"}

# Some sheets are much redder than the others; this pulls their saturation into one family.
SKIN_SATURATION = {
    "young_darkskinned_male": 0.95, "middleage_darkskinned_male": 0.95, "old_darkskinned_male": 0.75,
    "young_darkskinned_female": 0.66, "middleage_darkskinned_female": 0.60, "old_darkskinned_female": 0.42,
    "old_lightskinned_male2": 0.70, "old_lightskinned_female2": 0.70,
}

# Age on MakeHuman's scale: 0 is 1 year, 3/16 is 10, 1/2 is 25, 1 is 90.
AGE_RANGE = {"woman": (0.42, 0.80), "man": (0.43, 0.80), "kid": (0.08, 0.20), "elderly": (0.86, 1.0)}
AGE_ANCHORS, AGE_YEARS = (0.0, 0.1875, 0.5, 1.0), (1, 10, 25, 90)

# Repeats weigh a style. None is bald.
HAIR = {
    ("woman", "female"): (
        "long01", "long01", "long01", "long01", "bob02", "bob02", "bob02", "bob01", "bob01", "ponytail01", "ponytail01",
        "braid01", "afro01", "short01", "short02", "short03", "short04", None,
    ),
    ("man", "male"): ("short01", "short02", "short02", "short03", "short04", "short04", None),
    ("kid", "female"): ("bob02", "bob01", "ponytail01", "long01", "braid01"),
    ("kid", "male"): ("short01", "short02", "short02", "short04", "short03"),
    ("elderly", "female"): ("bob01", "bob02", "short01", "ponytail01"),
    ("elderly", "male"): ("short02", "short04", "short01", None),
}
# Styles with a fringe, and how wide the face is kept free of it (1: the usual oval).
FACE_OPENING = {
    "bob01": (1.0, 1.15), "bob02": (1.0, 1.15), "braid01": (0.95, 1.1), "short01": (0.9, 1.0), "short03": (1.15, 1.25),
}

# Linear RGB, dark to light.
HAIR_COLOURS = ((0.045, 0.035, 0.03), (0.08, 0.05, 0.035), (0.16, 0.09, 0.05), (0.30, 0.17, 0.08),
                (0.50, 0.34, 0.18), (0.62, 0.45, 0.24), (0.35, 0.13, 0.06))
# Moustache, chin, cheeks.
BEARDS = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
SUIT_SHARE = {"woman": 0.3, "man": 0.45, "kid": 0.05, "elderly": 0.4}
GREY_SHARE = {"woman": 0.12, "man": 0.15, "kid": 0.0, "elderly": 1.0}
GREY_RANGE = (0.22, 0.55)  # linear grey of elderly hair; more is a white blob in the cartoon

EYES_DARK = ("brown", "brown", "brownlight")
EYES_ANY = ("brown", "brownlight", "blue", "bluegreen", "green", "grey", "lightblue", "deepblue")
# Cartoon iris, display RGB.
IRIS = {
    "brown": (0.45, 0.25, 0.13), "brownlight": (0.58, 0.36, 0.18), "blue": (0.25, 0.48, 0.80),
    "bluegreen": (0.20, 0.58, 0.62), "green": (0.30, 0.58, 0.28), "grey": (0.48, 0.54, 0.60),
    "lightblue": (0.40, 0.66, 0.90), "deepblue": (0.18, 0.32, 0.70),
}

BROWS = {"woman": (2, 3, 4, 5, 8, 1, 10), "man": (1, 9, 12, 3, 8, 2), "kid": (1, 4, 5, 11), "elderly": (1, 2, 3, 8)}
LASH_STRENGTH = {"woman": (0.7, 1.0), "man": (0.0, 0.2), "kid": (0.2, 0.45), "elderly": (0.0, 0.3)}
FEATURE_SPREAD = {"woman": 0.24, "man": 0.30, "kid": 0.15, "elderly": 0.28}

# Free facial features are drawn from these folders of targets, without the ones that break faces.
FEATURE_FOLDERS = ("head", "eyes", "nose", "mouth", "chin", "cheek", "forehead", "ears", "neck", "eyebrows")
FEATURE_BANNED = ("trans-in", "trans-out", "head-trans", "neck-trans", "head-angle", "pointed", "triangle",
                  "bag-height", "neck-scale", "jaw-drop", "head-age", "eyebrows-angle-down", "angles-down")


def lip_fade(person):
    """How much of the skin sheet's lipstick is taken off in the photo, 0..1. All sheets are painted somewhat."""
    if person.main_ancestry == "african":
        return 0.15
    if person.group == "kid":
        return 0.35
    if person.gender == "male":
        return 0.55
    return 0.45 if person.group == "elderly" else 0.0
