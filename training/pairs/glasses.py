"""Glasses: what a pair looks like, and its mesh on an unposed head (two rims, bridge, temples, lenses)."""

from dataclasses import dataclass

import numpy as np

RIM_STEPS, SIDES = 32, 6  # of a rim, and round a wire
FORWARD = 0.37  # decimetres from the middle of the eye to the lens
EAR = 0.80  # decimetres from the eye back to the ear
SHARE = {"woman": 0.22, "man": 0.32, "kid": 0.15, "elderly": 0.40}  # of people who wear some
# Linear RGB: black, brown, horn, gold, silver, red, blue.
FRAMES = ((0.01, 0.01, 0.012), (0.01, 0.01, 0.012), (0.05, 0.022, 0.012), (0.14, 0.06, 0.025), (0.45, 0.30, 0.10),
          (0.42, 0.42, 0.44), (0.20, 0.02, 0.03), (0.03, 0.05, 0.16))
DRAWN_WIRE = ((0.006, 0.036), (0.014, 0.032))  # photo's wire radius -> the illustrator's, nearer to one line weight


@dataclass(frozen=True)
class Glasses:
    """Lengths are decimetres."""

    half_width: float  # of a lens
    half_height: float
    corners: float  # 2: round .. 5: nearly a rectangle
    wire: float  # radius of the rim
    lower_wire: float  # of its lower half: thin for half-rimmed glasses
    drop: float  # lens centre below the eye
    colour: tuple
    tint: float  # 0 clear, 1 sunglasses
    glare: float  # 0..1, reflection of a window


def sample(rng, group):
    """A pair of glasses, or None."""
    if rng.uniform() > SHARE[group]:
        return None
    wide = rng.uniform(0.21, 0.285)
    style = rng.choice(3, p=(0.45, 0.2, 0.35))  # full rim, half rim, wire
    wire = rng.uniform(0.011, 0.030) if style < 2 else rng.uniform(0.006, 0.012)
    return Glasses(
        half_width=wide, half_height=wide * rng.uniform(0.55, 0.98), corners=rng.uniform(2.0, 4.5), wire=wire,
        lower_wire=wire if style != 1 else 0.004, drop=rng.uniform(0.0, 0.07),
        colour=FRAMES[rng.integers(len(FRAMES))], tint=float(rng.uniform() < 0.08),
        glare=max(0.0, rng.uniform(-0.3, 0.3)),
    )


def frame(glasses, left_eye, right_eye, half_head, drawn):
    """(position, normal, faces) of rims, bridge and temples; always the same number of vertices."""
    def drawn_wire(radius):
        return np.interp(radius, *DRAWN_WIRE) if drawn else radius

    upper, lower = drawn_wire(glasses.wire), drawn_wire(glasses.lower_wire) if glasses.lower_wire > 0.005 else 0.004
    tubes = []
    hinges = []
    for eye, side in ((left_eye, 1), (right_eye, -1)):
        rim, height = _rim(glasses, eye, side)
        radius = np.where(height > -0.25 * glasses.half_height, upper, lower)
        tubes.append(_tube(rim, radius, np.array([0, 0, 1.0]), closed=True))
        hinge = _on_lens(glasses, eye, side, glasses.half_width, 0.25 * glasses.half_height)
        ear = np.array([side * (half_head - 0.02), eye[1] + 0.04, eye[2] - EAR])
        elbow = hinge * [1, 1, 0] + [side * 0.03, 0, hinge[2] - 0.08]
        temple = np.stack([hinge, elbow, 0.5 * (elbow + ear) + [side * 0.02, 0, 0], ear])
        tubes.append(_tube(temple, np.full(4, 0.9 * upper), np.array([0, 1.0, 0]), closed=False))
        hinges.append(_on_lens(glasses, eye, side, -glasses.half_width, 0.3 * glasses.half_height))
    middle = hinges[0] + (hinges[1] - hinges[0]) * np.array([[0.0], [0.25], [0.5], [0.75], [1.0]])
    middle[1:-1, 1] += 0.02
    tubes.append(_tube(middle, np.full(5, upper), np.array([0, 0, 1.0]), closed=False))
    return _joined(tubes)


def lenses(glasses, left_eye, right_eye):
    """(position, normal, uv, faces) of the two lenses; uv is -1 .. 1 over each."""
    fans = []
    for eye, side in ((left_eye, 1), (right_eye, -1)):
        rim, _ = _rim(glasses, eye, side)
        centre = _on_lens(glasses, eye, side, 0, 0)
        position = np.concatenate([centre[None], rim])
        uv = (position[:, :2] - centre[:2]) / [glasses.half_width, glasses.half_height]
        steps = np.arange(RIM_STEPS)
        fan = np.stack([np.zeros_like(steps), 1 + steps, 1 + (steps + 1) % RIM_STEPS], 1)
        fans.append((position, np.tile([0, 0, 1.0], (len(position), 1)), fan, uv))
    position, normal, faces = _joined([part[:3] for part in fans])
    return position, normal, np.concatenate([part[3] for part in fans]), faces


def _on_lens(glasses, eye, side, out, up):
    """A point of the lens surface, which bends round the face and leans a little."""
    x = side * out + eye[0] + side * 0.015
    z = eye[2] + FORWARD - 0.28 * (max(0.0, abs(x) - 0.15)) ** 2 + 0.10 * up
    return np.array([x, eye[1] - glasses.drop + up, z])


def _rim(glasses, eye, side):
    """Points of a super-ellipse, and their heights over the lens centre."""
    angle = np.linspace(0, 2 * np.pi, RIM_STEPS, endpoint=False)
    out, up = (np.sign(wave) * np.abs(wave) ** (2 / glasses.corners) for wave in (np.cos(angle), np.sin(angle)))
    out, up = out * glasses.half_width, up * glasses.half_height
    return np.stack([_on_lens(glasses, eye, side, a, b) for a, b in zip(out, up)]), up


def _tube(path, radius, reference, closed):
    """A wire along a path: (position, normal, faces)."""
    before, after = np.roll(path, 1, 0), np.roll(path, -1, 0)
    if not closed:
        before[0], after[-1] = path[0], path[-1]
    along = after - before
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, reference)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    third = np.cross(across, along)
    angle = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)[None, :, None]
    normal = np.cos(angle) * across[:, None] + np.sin(angle) * third[:, None]
    position = path[:, None] + radius[:, None, None] * normal
    count = len(path)
    i, k = np.meshgrid(np.arange(count if closed else count - 1), np.arange(SIDES), indexing="ij")
    a, b = i * SIDES + k, i * SIDES + (k + 1) % SIDES
    c, d = (i + 1) % count * SIDES + k, (i + 1) % count * SIDES + (k + 1) % SIDES
    faces = np.stack([a, b, c, b, d, c], -1).reshape(-1, 3)
    return position.reshape(-1, 3), normal.reshape(-1, 3), faces


def _joined(parts):
    first = np.cumsum([0] + [len(part[0]) for part in parts[:-1]])
    position, normal = (np.concatenate([part[k] for part in parts]).astype(np.float32) for k in (0, 1))
    faces = np.concatenate([part[2] + start for part, start in zip(parts, first)]).astype(np.int32)
    return position, normal, faces
