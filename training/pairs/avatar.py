"""Write a person as an avatar for a game: a .glb with a head that turns.

The same people as in the pairs, from (group, seed, index), but upright, and with what the photo's shaders do to the
sheets (skin tone, beard, lips, hair colour) painted into the textures. Nodes: `avatar` at the neck, the bones `torso`
and `head`, and `face`, a child of `head` in the middle of the portrait; its `extras.size` is the side of a square around
the face, as the network likes it. Metres, y up, face towards +z.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from . import GROUPS, looks, mesh, shape
from .glb import Glb
from .mesh import Kind
from .pack import Pack, PackError
from .person import sample

METRES = 0.1  # a decimetre
SKIN_SIZE, HAIR_SIZE, SMALL_SIZE = (600, 1000), (512, 512), (256, 256)
SKIN_QUALITY = 88
CORNEA, CORNEA_RADIUS = 0.935, 0.075  # on the sheet of an eye; the shell would hide the iris
LUMA = np.array([0.30, 0.59, 0.11], np.float32)


@dataclasses.dataclass(frozen=True)
class Piece:
    """A primitive before it is written."""

    kind: Kind
    vertices: np.ndarray  # as mesh.Part has them
    faces: np.ndarray


def upright(person):
    """The person looking straight ahead, eyes open, in a shirt."""
    return dataclasses.replace(person, yaw=0.0, pitch=0.0, roll=0.0, torso_yaw=0.0, blink=0.0, gaze=(0.0, 0.0),
                               suit=False)


def write(pack, person, path):
    """Writes the avatar of a person."""
    person = upright(person)
    head = shape.head(pack, person)
    marks, pivot = mesh.landmarks(pack, person, head), pack.joint(head, "neck")
    glb = Glb("bevy_toonface, training/pairs/avatar.py")
    primitives = []
    for part in mesh.build(pack, person, head):
        if part.kind == Kind.LENS:  # clear glass
            continue
        faces = part.faces
        if faces is None:
            faces = pack.array("body_f") if part.key == "body" else pack.proxy(part.key).face
        for material, piece in _dressed(glb, pack, person, part, Piece(part.kind, part.vertices, faces)):
            primitives.append(_primitive(glb, pack, person, marks, pivot, material, piece))
    _skeleton(glb, glb.mesh("person", primitives), marks, pivot)
    glb.save(path)


def _dressed(glb, pack, person, part, piece):
    """(material, piece) of a part: the body falls into skin and shirt."""
    if piece.kind == Kind.BODY:
        skin, shirt = _cut(piece, person.collar)
        yield glb.material("skin", texture=glb.picture(_skin(pack, person), SKIN_QUALITY), roughness=0.55), skin
        yield glb.material("shirt", (*person.shirt, 1), roughness=0.95), shirt
    elif piece.kind == Kind.EYE:
        away = np.linalg.norm(piece.vertices[piece.faces, 6:8].mean(1) - CORNEA, axis=1)
        piece = dataclasses.replace(piece, faces=piece.faces[away >= CORNEA_RADIUS])
        yield glb.material("eyes", texture=glb.picture(_eye(pack, part.texture), 90), roughness=0.15), piece
    elif piece.kind == Kind.GLASSES:
        yield glb.material("glasses", (*person.glasses.colour, 1), roughness=0.35), piece
    elif piece.kind == Kind.TEETH:
        yield glb.material("teeth", texture=glb.picture(_teeth(pack), 85), roughness=0.3), piece
    elif piece.kind == Kind.HAIR:
        texture = glb.picture(_strands(pack, part.texture, HAIR_SIZE, person.hair_colour, (0.35, 1.3)))
        yield glb.material("hair", texture=texture, roughness=0.6, alpha="MASK", two_sided=True), piece
    elif piece.kind == Kind.BROW:
        colour = np.array(person.hair_colour) * (0.45 if person.group == "elderly" else 0.6)
        texture = glb.picture(_strands(pack, part.texture, SMALL_SIZE, colour, (0.5, 1.0)))
        yield glb.material("brows", texture=texture, roughness=1.0, alpha="BLEND", two_sided=True), piece
    else:
        least = 1.15 - person.lash_strength
        texture = glb.picture(_strands(pack, part.texture, SMALL_SIZE, (0.012, 0.010, 0.009), (1.0, 0.0), least))
        yield glb.material("lashes", texture=texture, roughness=1.0, alpha="BLEND", two_sided=True), piece


def _primitive(glb, pack, person, marks, pivot, material, piece):
    used, faces = np.unique(piece.faces, return_inverse=True)
    vertex, faces = piece.vertices[used], faces.reshape(-1, 3)
    position = (vertex[:, 0:3] - pivot) * METRES
    attributes = dict(
        POSITION=glb.accessor(position.astype(np.float32), bounds=True),
        NORMAL=glb.accessor(_normals(piece.kind, vertex, marks)), TEXCOORD_0=glb.accessor(vertex[:, 6:8]),
    )
    weight = _head_weight(piece, vertex)
    weights = np.round(255 * np.stack([1 - weight, weight], 1)).astype(np.uint8)
    weights[:, 0] = 255 - weights[:, 1]
    spare = np.zeros_like(weights)
    joints = np.tile(np.array([0, 1, 0, 0], np.uint8), (len(vertex), 1))
    attributes |= dict(JOINTS_0=glb.accessor(joints),
                       WEIGHTS_0=glb.accessor(np.concatenate([weights, spare], 1), normalized=True))
    if piece.kind == Kind.HAIR and person.face_opening > 0:
        alpha = _fringe_alpha(vertex[:, 0:3], person, marks)
        colour = np.concatenate([np.ones((len(vertex), 3)), alpha[:, None]], 1).astype(np.float32)
        attributes["COLOR_0"] = glb.accessor(colour)
    return glb.primitive(material, faces, **attributes)


def _skeleton(glb, person_mesh, marks, pivot):
    eyes, mouth = marks.between_eyes, marks.mouth
    # As camera.portrait frames a face.
    half = max(2.0 * marks.eye_distance, 1.8 * np.linalg.norm(mouth - eyes))
    face = (eyes + 0.12 * (mouth - eyes) + np.array([0, 0.04 * half, 0]) - pivot) * METRES
    glb.node("avatar", children=[1, 4])
    glb.node("torso", children=[2])
    glb.node("head", children=[3])
    glb.node("face", translation=[float(x) for x in face], extras={"size": round(float(2 * half * METRES), 4)})
    glb.node("person", mesh=person_mesh, skin=glb.skin([1, 2]))


def _head_weight(piece, vertex):
    """How much of a vertex turns with the head, 0..1."""
    if piece.kind != Kind.BODY:
        return np.ones(len(vertex), np.float32)
    height = vertex[:, 11]
    blend = np.clip((height - mesh.NECK_BLEND[0]) / (mesh.NECK_BLEND[1] - mesh.NECK_BLEND[0]), 0, 1)
    return np.where(height > mesh.SKULL_BASE, 1, blend * blend * (3 - 2 * blend)).astype(np.float32)


def _normals(kind, vertex, marks):
    normal = vertex[:, 3:6]
    if kind == Kind.HAIR:  # hair cards face anywhere; lean them outwards, as photo.frag does
        outwards = vertex[:, 0:3] - marks.head
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
        side = np.sign((normal * outwards).sum(1, keepdims=True) + 1e-4)
        normal = 0.5 * normal * side + 0.5 * outwards
    return (normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _fringe_alpha(position, person, marks):
    """0 where hair would hang over the face, 1 away from it; the cut-off of the material, 0.5, is the oval's edge."""
    q = (position - marks.between_eyes) @ marks.face_matrix().T
    oval = ((q[:, :2] - [0.0, -0.62]) / [1.02, 1.28] / person.face_opening) ** 2
    return np.where(q[:, 2] > -0.9, np.clip(0.5 + 2.0 * (oval.sum(1) - 1), 0, 1), 1.0)


def _cut(piece, collar):
    """The body above and below the shirt's edge; triangles across it are cut."""
    vertices, skin, shirt = [row for row in piece.vertices], [], []
    torso = (piece.vertices[:, 12] > 0.5) & (piece.vertices[:, 12] < 1.5)
    crossings = {}

    def crossing(a, b):
        key = (min(a, b), max(a, b))
        if key not in crossings:
            low, high = vertices[key[0]], vertices[key[1]]
            share = (collar - low[11]) / (high[11] - low[11])
            crossings[key] = len(vertices)
            vertices.append(low + share * (high - low))
        return crossings[key]

    for face in piece.faces:
        below = [torso[v] and piece.vertices[v, 11] < collar for v in face]
        if all(below) or not any(below):
            (shirt if below[0] else skin).append(face)
            continue
        k = below.index(sum(below) == 1)  # the corner that is alone on its side
        alone, b, c = face[k], face[(k + 1) % 3], face[(k + 2) % 3]
        ab, ac = crossing(alone, b), crossing(alone, c)
        own, other = (shirt, skin) if below[k] else (skin, shirt)
        own.append((alone, ab, ac))
        other += [(ab, b, c), (ab, c, ac)]
    vertices = np.array(vertices, np.float32)
    return tuple(Piece(piece.kind, vertices, np.array(faces)) for faces in (skin, shirt))


def _linear(image):
    return (np.asarray(image, np.float32) / 255) ** 2.2


def _display(linear):
    return Image.fromarray((np.clip(linear, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8))


def _skin(pack, person):
    """The skin sheet as photo_surface.glsl colours it."""
    sheet = _linear(pack.texture(f"skin_{person.skin}", "RGB").resize(SKIN_SIZE, Image.LANCZOS))
    mask = np.asarray(pack.texture("masks", "RGBA").resize(SKIN_SIZE), np.float32) / 255
    lips, scalp, beard = (mask[..., k:k + 1] for k in range(3))
    hair, bald = np.array(person.hair_colour, np.float32), float(person.hair is None)
    grey = (sheet @ LUMA)[..., None]
    c = np.maximum(grey + (sheet - grey) * person.saturation, 0) * np.array(person.tone, np.float32)
    painted = 0.85 * scalp * (1 - bald)
    c = c * (1 - painted) + painted * (0.6 * hair + 0.12 * c)
    stubble = np.clip(0.9 * person.beard * beard * _beard_zones(person), 0, 0.9)
    value = (c @ LUMA)[..., None]
    c = c * (1 - stubble) + stubble * 0.55 * hair
    pale = lips * looks.lip_fade(person)
    c = c * (1 - pale) + pale * value * np.array([1.28, 1.0, 0.92])
    lines = np.asarray(pack.texture("mask_wrinkle", "L").resize(SKIN_SIZE), np.float32)[..., None] / 255
    lines = 0.9 * person.wrinkles * _smoothstep(0.2, 0.7, lines)
    return _display(c * (1 - lines) + lines * c * np.array([0.55, 0.42, 0.38]))


def _beard_zones(person):
    """How much of the mask's beard the person wears, over the skin sheet; as beard.glsl cuts it."""
    y, x = np.mgrid[0:SKIN_SIZE[1], 0:SKIN_SIZE[0]] + 0.5
    below, aside = x - 283, np.abs(y - 360)
    over_lip = (1 - _smoothstep(-4, 4, below)) * (1 - _smoothstep(34, 42, aside))
    chin = _smoothstep(-4, 4, below) * (1 - _smoothstep(30, 40, aside))
    moustache, on_chin, cheeks = person.beard_zones
    return (moustache * over_lip + on_chin * chin + cheeks * (1 - over_lip - chin))[..., None]


def _smoothstep(low, high, x):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _eye(pack, texture):
    sheet = _linear(pack.texture(texture, "RGB").resize((384, 384), Image.LANCZOS))
    grey = sheet.mean(2, keepdims=True)
    return _display(0.9 * (grey + 0.7 * (sheet - grey)))


def _teeth(pack):
    sheet = np.asarray(pack.texture("teeth", "RGB").resize(SMALL_SIZE, Image.LANCZOS), np.float32) / 255
    enamel = 0.85 * (np.abs(sheet[..., 0:1] - sheet[..., 1:2]) <= 0.13)
    return _display(sheet ** 2.2 * (1 - enamel) + enamel * np.array([0.90, 0.87, 0.79]))


def _strands(pack, texture, size, colour, shade, least=None):
    """RGBA strands: `colour * (shade[0] + shade[1] * luminance)`. `least`: alpha from which a strand begins to show."""
    sheet = np.asarray(pack.texture(texture, "LA").resize(size, Image.LANCZOS), np.float32) / 255
    alpha = sheet[..., 1] if least is None else np.clip((sheet[..., 1] - least) / 0.35, 0, 1)
    rgb = _display(np.array(colour) * (shade[0] + shade[1] * sheet[..., :1]))
    # Five bits of alpha and six of colour are enough for strands, and compress far better.
    alpha = Image.fromarray((np.round(alpha * 31) / 31 * 255).astype(np.uint8))
    rgb = Image.fromarray(np.asarray(rgb) & 0xFC)
    rgb.putalpha(alpha)
    return rgb


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", help="asset pack folder (default: $TOONFACE_PACK)")
    parser.add_argument("--out", type=Path, required=True, help="the .glb to write")
    parser.add_argument("--group", choices=GROUPS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--hair", help="another hair than the person's, such as bob02")
    options = parser.parse_args()
    try:
        pack = Pack(options.pack)
        person = sample(options.group, options.seed, options.index, shape.feature_names(pack))
        if options.hair:
            person = dataclasses.replace(person, hair=options.hair)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write(pack, person, options.out)
    except PackError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.2f} MiB, {person.meta()}")


if __name__ == "__main__":
    main()
