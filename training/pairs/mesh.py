"""Posed triangle meshes of a person: the body and the proxies fitted to it."""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from . import glasses

# Heights in the rest pose, decimetres: below the first only the torso turns, above the second only the head.
NECK_BLEND = (5.35, 6.35)
SKULL_BASE = 6.6
# Decimetres, at the widest smile.
UPPER_TEETH_SHIFT, LOWER_TEETH_SHIFT = np.array([0, -0.075, 0]), np.array([0, -0.14, -0.12])
UPPER_TEETH_JAW = np.array([0, -0.05, 0.01])  # and with the jaw all the way down
BROW_LIFT = 0.012  # brows float this far before the skin so that they are not buried in it


class Kind(IntEnum):
    """What a part is; the shaders get these as #defines."""

    BODY, EYE, BROW, LASH, HAIR, TEETH, GLASSES, LENS = range(8)


@dataclass(frozen=True)
class Part:
    """One draw call. Vertex: position 3, normal 3, uv 2, tangent 3, height 1, island 1.

    `height` is the rest height for the body (where the shirt ends) and, for lashes, the height over the eye.
    `tangent` is the grain of hair; for the body it is the position in the rest pose, by which cloth is cut.
    `island` tells head 0, torso 1 and inner mouth 2 of the body apart.
    """

    kind: Kind
    key: str  # index buffer in the pack: 'body' or a proxy key; any other name brings its own `faces`
    texture: str
    vertices: np.ndarray
    faces: np.ndarray | None = None


@dataclass(frozen=True)
class Landmarks:
    """Points of a posed head, decimetres in the world."""

    left_eye: np.ndarray
    right_eye: np.ndarray
    mouth: np.ndarray
    head: np.ndarray
    rotation: np.ndarray  # (3, 3) rest to posed head

    @property
    def between_eyes(self):
        return (self.left_eye + self.right_eye) / 2

    @property
    def eye_distance(self):
        return float(np.linalg.norm(self.left_eye - self.right_eye))

    def face_matrix(self):
        """(3, 3) world to face axes, in units of the eye distance."""
        return self.rotation.T / self.eye_distance


def rotation(yaw, pitch, roll):
    """Rotation matrix from degrees: yaw first, then pitch, then roll."""
    (sy, cy), (sp, cp), (sr, cr) = ((math.sin(a), math.cos(a)) for a in map(math.radians, (yaw, pitch, roll)))
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (tilt @ nod @ turn).astype(np.float32)


def landmarks(pack, person, vertices):
    """Landmarks of unposed head vertices, posed as the person holds the head."""
    turn, pivot = rotation(person.yaw, person.pitch, person.roll), pack.joint(vertices, "neck")

    def posed(point):
        return turn @ (point - pivot) + pivot

    mouth = pack.joint(vertices, "mouth") + [0, 0, 0.6]  # the joint lies inside; the lips are before it
    points = (pack.joint(vertices, "l-eye"), pack.joint(vertices, "r-eye"), mouth, pack.joint(vertices, "head"))
    return Landmarks(*map(posed, points), turn)


def build(pack, person, vertices, drawn=False):
    """All parts of a person whose unposed head is `vertices`; `drawn`: as the illustrator sees glasses."""
    head_turn, pivot = rotation(person.yaw, person.pitch, person.roll), pack.joint(vertices, "neck")
    parts = [_body(pack, person, vertices, head_turn, pivot)]
    wanted = [
        (Kind.EYE, "eye:high-poly", f"eye_{person.eye}"),
        (Kind.BROW, f"brow:{person.brow}", f"brow_{person.brow}"),
        (Kind.LASH, f"lash:{person.lash}", f"lash_{person.lash}"),
    ]
    if person.teeth:
        wanted.append((Kind.TEETH, "teeth:teeth_base", "teeth"))
    if person.hair:
        wanted.append((Kind.HAIR, f"hair:{person.hair}", f"hair_{person.hair}"))
    for kind, key, texture in wanted:
        # Fitted before posing, because the fit's scale references are axis aligned.
        position = fit(vertices, pack.proxy(key))
        if kind == Kind.HAIR and person.hair_mirrored:
            position = position * np.array([-1, 1, 1], np.float32)
        if kind == Kind.BROW:
            position = position + np.array([0, 0, BROW_LIFT], np.float32)
        if kind == Kind.HAIR:
            position = _combed(person, position, pack.joint(vertices, "head"))
        if kind == Kind.TEETH:
            position = _bared(pack, person, position)
        if kind == Kind.EYE:
            position = _looking(pack, person, vertices, position)
        position = (position - pivot) @ head_turn.T + pivot
        parts.append(_proxy_part(pack, kind, key, texture, position))
    if person.glasses:
        parts += _glasses(pack, person, vertices, head_turn, pivot, drawn)
    return parts


def _combed(person, position, centre):
    """Hair with more or less volume than the sheet's, upwards and sideways only."""
    width, height = person.hair_volume
    delta = position - centre
    above = np.clip(delta[:, 1:2] / 0.6, 0, 1)
    scale = np.concatenate([np.full_like(above, width), 1 + (height - 1) * above, np.full_like(above, 1.0)], 1)
    return (centre + delta * scale).astype(np.float32)


def _bared(pack, person, position):
    """Teeth moved so that the upper row fills the gap of a smile, as it does in people; the jaw takes the lower row."""
    rest = fit(pack.rest, pack.proxy("teeth:teeth_base"))
    upper = rest[:, 1] + 0.26 * (rest[:, 2] - 1.45) > 6.618  # the plane between the rows
    shift = np.where(upper[:, None], UPPER_TEETH_SHIFT + person.jaw * UPPER_TEETH_JAW, LOWER_TEETH_SHIFT)
    return position + (shift * person.teeth).astype(np.float32)


def _looking(pack, person, vertices, position):
    """Both eyeballs turned by the gaze about their own centres."""
    turn = rotation(*person.gaze, 0)
    turned = position.copy()
    for joint, side in (("l-eye", 1), ("r-eye", -1)):
        own = position[:, 0] * side > 0
        centre = pack.joint(vertices, joint)
        turned[own] = (position[own] - centre) @ turn.T + centre
    return turned


def _glasses(pack, person, vertices, head_turn, pivot, drawn):
    eyes = pack.joint(vertices, "l-eye"), pack.joint(vertices, "r-eye")
    level = np.abs(vertices[:, 1] - eyes[0][1]) < 0.15
    beside = np.abs(vertices[:, 2] - eyes[0][2] + 0.6) < 0.3  # before the ear
    half_head = float(np.abs(vertices[level & beside, 0]).max())

    def part(kind, name, position, normal, faces, uv=None):
        position = (position - pivot) @ head_turn.T + pivot
        uv = np.zeros((len(position), 2)) if uv is None else uv
        vertex = _interleave(position, normal @ head_turn.T, uv)
        return Part(kind, name, "teeth", vertex, faces)  # the texture is not looked at

    position, normal, faces = glasses.frame(person.glasses, *eyes, half_head, drawn)
    parts = [part(Kind.GLASSES, "glasses", position, normal, faces)]
    if person.glasses.tint > 0 or (person.glasses.glare > 0 and not drawn):
        position, normal, uv, faces = glasses.lenses(person.glasses, *eyes)
        parts.append(part(Kind.LENS, "lenses", position, normal, faces, uv))
    return parts


def _body(pack, person, vertices, head_turn, pivot):
    position = _pose_body(pack, person, vertices, head_turn, pivot)
    corner, uv, face = (pack.array(f"body_{name}") for name in ("vi", "uv", "f"))
    normal = normals(position, corner[face])
    vertex = _interleave(position[corner], normal[corner], uv, tangent=pack.rest[corner],
                         height=pack.rest[corner, 1], island=pack.array("body_isl"))
    return Part(Kind.BODY, "body", f"skin_{person.skin}", vertex)


def _pose_body(pack, person, vertices, head_turn, pivot):
    """Turn the head about the neck joint, the torso less, and blend along the neck."""
    height = pack.rest[:, 1]
    blend = np.clip((height - NECK_BLEND[0]) / (NECK_BLEND[1] - NECK_BLEND[0]), 0, 1)
    blend = np.where(height > SKULL_BASE, 1, blend * blend * (3 - 2 * blend))[:, None].astype(np.float32)
    centred = vertices - pivot
    torso = centred @ rotation(0.6 * person.torso_yaw, 0, 0).T
    return (centred @ head_turn.T) * blend + torso * (1 - blend) + pivot


def _proxy_part(pack, kind, key, texture, position):
    proxy = pack.proxy(key)
    normal = normals(position, proxy.corner[proxy.face])
    corners = position[proxy.corner]
    tangent = tangents(corners, proxy.uv, proxy.face) if kind == Kind.HAIR else None
    height = None
    if kind == Kind.LASH:
        height = fit(pack.rest, proxy)[proxy.corner, 1] - pack.joint(pack.rest, "l-eye")[1]
    return Part(kind, key, texture, _interleave(corners, normal[proxy.corner], proxy.uv, tangent, height))


def fit(vertices, proxy):
    """Positions of a proxy's vertices on a head: weighted base vertices plus a scaled offset."""
    ends = vertices[proxy.scale_vertices]  # (axis, end, xyz)
    spans = np.abs(ends[:, 0] - ends[:, 1])[np.arange(3), np.arange(3)]
    scale = (spans / proxy.scale_distance).astype(np.float32)
    return np.einsum("nkd,nk->nd", vertices[proxy.reference], proxy.weight) + proxy.offset * scale


def normals(position, faces):
    """Unit vertex normals, area weighted."""
    a, b, c = (position[faces[:, k]] for k in range(3))
    return _unit(_scatter(faces, np.cross(b - a, c - a), len(position)))


def tangents(position, uv, faces):
    """Unit vectors along +u of the sheet: the grain of the hair, which the strand lighting needs."""
    a, b, c = (position[faces[:, k]] for k in range(3))
    ua, ub, uc = (uv[faces[:, k]] for k in range(3))
    edge1, edge2, uv1, uv2 = b - a, c - a, ub - ua, uc - ua
    area = uv1[:, 0] * uv2[:, 1] - uv2[:, 0] * uv1[:, 1]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    along = (edge2 * uv1[:, :1] - edge1 * uv2[:, :1]) / area[:, None]
    return _unit(_scatter(faces, _unit(along), len(position)))


def _scatter(faces, values, count):
    """Sum a per-face vector into the three vertices of each face."""
    flat = faces.T.ravel()
    return np.stack([np.bincount(flat, np.tile(values[:, k], 3), count) for k in range(3)], 1).astype(np.float32)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _interleave(position, normal, uv, tangent=None, height=None, island=None):
    vertex = np.zeros((len(position), 13), np.float32)
    vertex[:, 0:3], vertex[:, 3:6], vertex[:, 6:8] = position, normal, uv
    if tangent is not None:
        vertex[:, 8:11] = tangent
    if height is not None:
        vertex[:, 11] = height
    if island is not None:
        vertex[:, 12] = island
    return vertex
