"""Builds an asset pack from checkouts of MakeHuman's public CC0 repositories.

    git clone https://github.com/makehumancommunity/makehuman
    git clone https://github.com/makehumancommunity/makehuman-assets && git -C makehuman-assets lfs pull
    python -m pairs.build_pack --makehuman makehuman --assets makehuman-assets --out PACK

The head is cut out of the base mesh, targets and fits are renumbered, skins are cropped to one atlas, hair is made
grey, and the masks are drawn (`masks.py`). ASSETS.md describes the pack. `--geometry-only` writes head.npz alone.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from . import masks
from .makehuman_files import AssetError, directory, islands, read_fit, read_mesh, read_target, text_of, triangles

JOINTS = ("neck", "head", "l-eye", "r-eye", "mouth")
HAIR = ("afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
BROWS = tuple(f"eyebrow{k:03d}" for k in range(1, 13))
LASHES = tuple(f"eyelashes{k:02d}" for k in range(1, 5))
EYES = ("blue", "bluegreen", "brown", "brownlight", "deepblue", "green", "grey", "ice", "lightblue")
TARGET_FOLDERS = ("macrodetails", "head", "eyes", "nose", "mouth", "chin", "cheek", "forehead", "eyebrows", "ears",
                  "neck", "expression/units/caucasian")
TORSO_BOTTOM, TORSO_HALF_WIDTH = 4.25, 2.7  # decimetres: what is kept of the body below the neck
SHEET = 1024.0  # the atlas is drawn to a body sheet of this many pixels
# Of each island: what atlas pixels its sheet pixels move by, and its box on the atlas (left, top, right, bottom).
ISLANDS = (
    ((-647.168, -168.96), (0, 0, 390, 720)),  # head
    ((-153.6, 720.0), (0, 720, 600, 1000)),  # torso
    ((-372.642, -870.4), (390, 0, 600, 160)),  # inner mouth
)
ATLAS = (600, 1000)
LARGE_TEXTURE, SMALL_TEXTURE, EYE_TEXTURE = 1024, 256, 512


def build(makehuman, assets, out, geometry_only=False):
    """Writes a pack; nothing is left behind if an asset is missing."""
    data, base = directory(makehuman) / "makehuman" / "data", directory(assets) / "base"
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".pack-") as unfinished:
        folder = Path(unfinished)
        np.savez_compressed(folder / "head.npz", **geometry(data, base))
        if not geometry_only:
            (folder / "tex").mkdir()
            textures(data, base, folder / "tex")
        (out / "tex").mkdir(parents=True, exist_ok=True)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            file.chmod(0o644)
            file.replace(out / file.relative_to(folder))


def geometry(data, base):
    """The arrays of head.npz."""
    body = read_mesh(data / "3dobjs" / "base.obj")
    faces, island_of = _kept_faces(body)
    fits = {key: read_fit(path) for key, path in _proxies(data, base)}
    joints = {name: body.members(f"joint-{name}") for name in JOINTS}
    kept = {v for face in faces for v, _ in face} | {v for members in joints.values() for v in members}
    for fit in fits.values():
        kept |= set(fit.reference.ravel().tolist()) | set(fit.scale_vertices.ravel().tolist())
    kept = np.array(sorted(kept))
    number = np.full(len(body.position), -1)
    number[kept] = np.arange(len(kept))
    arrays = {"v0": body.position[kept].astype(np.float32)}
    arrays |= {f"j_{name}": number[members].astype(np.int32) for name, members in joints.items()}
    arrays |= _body_arrays(body, faces, island_of, number) | _target_arrays(data / "targets", number)
    for key, path in _proxies(data, base):
        fit, mesh = fits[key], read_mesh(path.parent / fits[key].mesh)
        face, corner = triangles(mesh.faces)
        arrays |= {
            f"{key}/ref": number[fit.reference].astype(np.int32), f"{key}/w": fit.weight.astype(np.float32),
            f"{key}/o": fit.offset.astype(np.float32), f"{key}/sci": number[fit.scale_vertices].astype(np.int32),
            f"{key}/scd": fit.scale_distance.astype(np.float32), f"{key}/vi": corner[:, 0].astype(np.int32),
            f"{key}/uv": _flipped(mesh.uv[corner[:, 1]]), f"{key}/f": face,
        }
    return arrays


def _proxies(data, base):
    """(key, .mhclo file) of everything that is fitted to the head."""
    yield "eye:high-poly", data / "eyes" / "high-poly" / "high-poly.mhclo"
    yield "teeth:teeth_base", base / "teeth" / "teeth_base" / "teeth_base.mhclo"
    for kind, folder, names in (("hair", "hair", HAIR), ("brow", "eyebrows", BROWS), ("lash", "eyelashes", LASHES)):
        for name in names:
            yield f"{kind}:{name}", base / folder / name / f"{name}.mhclo"


def _kept_faces(body):
    """Faces of head, upper torso and inner mouth, and the island (0, 1, 2) of each."""
    own = [face for face, group in zip(body.faces, body.group) if group == "body"]
    kept, island_of = [], []
    for island in islands(own):
        points = body.position[[v for k in island for v, _ in own[k]]]
        low, high = points[:, 1].min(), points[:, 1].max()
        if low < 0 < 6 < high:  # the skin of the body, up to the neck
            chosen, number = [k for k in island if _on_torso(body, own[k])], 1
        elif high > 8:
            chosen, number = island, 0
        elif low > 6 and high < 7.1:
            chosen, number = island, 2
        else:
            continue  # hands, feet, eye sockets
        kept += [own[k] for k in chosen]
        island_of += [number] * len(chosen)
    return kept, island_of


def _on_torso(body, face):
    points = body.position[[v for v, _ in face]]
    return points[:, 1].mean() > TORSO_BOTTOM and np.abs(points[:, 0]).max() < TORSO_HALF_WIDTH


def _body_arrays(body, faces, island_of, number):
    face, corner = triangles(faces)
    island = {corner: which for polygon, which in zip(faces, island_of) for corner in polygon}
    which = np.array([island[tuple(c)] for c in corner])
    shift = np.array([ISLANDS[k][0] for k in which])
    pixels = np.stack([SHEET * body.uv[corner[:, 1], 0], SHEET * (1 - body.uv[corner[:, 1], 1])], 1) + shift
    return {
        "body_vi": number[corner[:, 0]].astype(np.int32), "body_uv": (pixels / ATLAS).astype(np.float32),
        "body_f": face, "body_isl": which.astype(np.uint8),
    }


def _flipped(uv):
    """Texture coordinates with v down."""
    return np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32)


def _target_arrays(folder, number):
    """Morph targets as compressed rows, in thousandths of a decimetre."""
    # In this order: a person's features are drawn by their number.
    files = [path for name in TARGET_FOLDERS for path in sorted((folder / name).glob("*.target"))]
    names, ends, vertices, moves = [], [0], [], []
    for path in files:
        index, move = read_target(path)
        on_head = number[index] >= 0  # none of some: the average body does not move
        names.append(path.relative_to(folder).with_suffix("").as_posix())
        vertices.append(number[index[on_head]])
        moves.append(np.round(1000 * move[on_head]))
        ends.append(ends[-1] + int(on_head.sum()))
    return {
        "t_names": np.array(names), "t_ptr": np.array(ends, np.int32),
        "t_i": np.concatenate(vertices).astype(np.uint16), "t_d": np.concatenate(moves).astype(np.int16),
    }


def textures(data, base, out):
    """All pictures of the pack."""
    for kind, folder, names, size in (("hair", "hair", HAIR, LARGE_TEXTURE), ("brow", "eyebrows", BROWS, SMALL_TEXTURE),
                                      ("lash", "eyelashes", LASHES, SMALL_TEXTURE)):
        for name in names:
            material = base / folder / name / f"{name}.mhmat"
            _grey(_diffuse(material), size).save(out / f"{kind}_{name}.png")
    for path in sorted((base / "skins" / "textures").glob("*skinned*_diffuse*.png")):
        name = path.stem.replace("_diffuse", "")
        atlas(_open(path)).save(out / f"skin_{name}.jpg", quality=92)
    for name in EYES:
        own = [folder / f"{name}_eye.png" for folder in (base / "eyes" / "materials", data / "eyes" / "materials")]
        picture = next((path for path in own if path.is_file()), own[0])
        _open(picture).convert("RGB").resize((EYE_TEXTURE,) * 2, Image.LANCZOS).save(out / f"eye_{name}.jpg", quality=92)
    teeth = _open(base / "teeth" / "materials" / "teeth.png").convert("RGB")
    teeth.resize((EYE_TEXTURE,) * 2, Image.LANCZOS).save(out / "teeth.jpg", quality=92)
    masks.masks().save(out / "masks.png")
    masks.wrinkles().save(out / "mask_wrinkle.png")


def atlas(sheet):
    """Head, upper torso and inner mouth of a body sheet, on one atlas as large as the sheet allows (at most twice)."""
    scale = min(2, max(1, round(sheet.width / SHEET)))
    sheet = sheet.convert("RGB").resize((int(SHEET * scale),) * 2, Image.LANCZOS)
    picture = Image.new("RGB", (ATLAS[0] * scale, ATLAS[1] * scale))
    for (right, down), box in ISLANDS:
        left, top, *_ = (scale * edge for edge in box)
        size = (scale * (box[2] - box[0]), scale * (box[3] - box[1]))
        # Affine: atlas pixel -> sheet pixel. A body sheet's torso begins at its upper edge.
        cut = sheet.transform(size, Image.AFFINE, (1, 0, left - scale * right, 0, 1, top - scale * down), Image.BICUBIC)
        picture.paste(cut, (left, top))
    return picture


def _grey(picture, limit):
    """Luminance and alpha, at most `limit` pixels a side."""
    picture = picture.convert("RGBA")
    picture.thumbnail((limit, limit), Image.LANCZOS)
    return Image.merge("LA", (picture.convert("RGB").convert("L"), picture.getchannel("A")))


def _diffuse(material):
    """The picture that a material names."""
    for line in text_of(material).splitlines():
        if line.startswith("diffuseTexture"):
            return _open(material.parent / line.split(maxsplit=1)[1].strip())
    raise AssetError(f"{material} names no diffuseTexture")


def _open(path):
    try:
        return Image.open(path)
    except FileNotFoundError:
        raise AssetError(f"{path} is missing: is this a checkout of the repository that ASSETS.md names?") from None
    except OSError:
        text_of(path)  # says so if it is a Git LFS pointer
        raise AssetError(f"{path} is not a picture") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--makehuman", type=Path, required=True, help="checkout of makehumancommunity/makehuman")
    parser.add_argument("--assets", type=Path, required=True, help="checkout of makehumancommunity/makehuman-assets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--geometry-only", action="store_true", help="head.npz alone: needs no Git LFS")
    options = parser.parse_args()
    try:
        build(options.makehuman, options.assets, options.out, options.geometry_only)
    except AssetError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{options.out}: pack written")


if __name__ == "__main__":
    main()
