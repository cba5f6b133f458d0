"""Draws a person twice with one camera: as a photo-like render and as a cartoon."""

from dataclasses import dataclass

import moderngl
import numpy as np

from . import camera, light, looks, mesh, palette, shape
from .background import background
from .gpu import Stage, set_uniforms
from .mesh import Kind
from .photo_finish import compose, expose

PHOTO_SAMPLES, CARTOON_SAMPLES = 2, 3  # per side of an output pixel
KEY_SHADOW_SIZE, SKY_SHADOW_SIZE, SKY_COLUMNS = 512, 160, 4
REGIONS = {"SKIN": 1, "SHIRT": 2, "MOUTH": 3, "EYEBALL": 4, "HAIR_REGION": 5, "SPECTACLES": 6, "JACKET": 7, "TIE": 8}  # 0 is the background
NO_SHADOW = (Kind.BROW, Kind.LASH, Kind.LENS)
INK_RADIUS = 2  # samples; a line is about 5/3 output pixels wide
SMOOTH_RADIUS = 4
TEXTURE_UNITS = {"albedo_map": 0, "mask_map": 1, "key_shadow_map": 2, "sky_shadow_map": 3, "wrinkle_map": 4}


class ShadingError(RuntimeError):
    """A shader wrote NaN or infinity, which would blacken the whole photo."""


@dataclass(frozen=True)
class Pair:
    """Two (size, size, 3) uint8 pictures and the (size, size) 0..1 coverage of the person in each."""

    photo: np.ndarray
    cartoon: np.ndarray
    photo_mask: np.ndarray
    cartoon_mask: np.ndarray


class Renderer:
    """Holds the GPU state; `render` is independent of what was drawn before."""

    def __init__(self, pack, size=256):
        self.pack, self.size = pack, size
        self.feature_names = shape.feature_names(pack)
        regions = {name: f"{value}.0" for name, value in REGIONS.items()}
        self.stage = Stage(pack, {
            **{kind.name: int(kind) for kind in Kind}, **regions, "SKY_LIGHTS": light.SKY_LIGHTS,
            "SKY_COLUMNS": SKY_COLUMNS, "INK_RADIUS": INK_RADIUS, "SMOOTH_RADIUS": SMOOTH_RADIUS,
        })
        self.photo_pass = PhotoPass(self.stage, size)
        self.cartoon_pass = CartoonPass(self.stage, size)
        self.shadows = ShadowMaps(self.stage)

    def render(self, person):
        """Both pictures of a person."""
        photo_head = shape.head(self.pack, person)
        landmarks = mesh.landmarks(self.pack, person, photo_head)
        view, eye = camera.portrait(landmarks, person)
        frame = dict(camera=view, eye_position=eye, face_opening=float(person.face_opening), collar=person.collar)
        backdrop = background(person, self.size)

        linear = self._photo(person, photo_head, landmarks, frame)
        if not np.isfinite(linear).all():
            row, column = np.argwhere(~np.isfinite(linear).all(-1))[0]
            raise ShadingError(f"photo of {person.group} {person.index}, seed {person.seed}: "
                               f"not a number at column {column}, row {row}")
        ink = self._cartoon(person, photo_head, frame)
        photo = compose(expose(linear, person), linear[..., 3:], backdrop, person)
        cartoon = ink[..., :3] + backdrop * (1 - ink[..., 3:])
        return Pair(photo, _to_bytes(cartoon), linear[..., 3], ink[..., 3])

    def _photo(self, person, head, landmarks, frame):
        parts = mesh.build(self.pack, person, head)
        rig = light.sample(person, landmarks)
        self.stage.upload(parts)
        frame = frame | _face_uniforms(landmarks)
        self.shadows.draw_key(parts, rig.matrix, frame)
        self.shadows.draw_sky(parts, rig.sky_matrix, frame)
        return self.photo_pass.draw(parts, self.shadows, frame | _photo_uniforms(person, rig))

    def _cartoon(self, person, photo_head, frame):
        head = shape.cartoon(self.pack, person, photo_head)
        landmarks = mesh.landmarks(self.pack, person, head)
        parts = mesh.build(self.pack, person, head, drawn=True)
        direction, matrix = light.cartoon_key(person, landmarks)
        self.stage.upload(parts)
        frame = frame | _face_uniforms(landmarks)
        self.shadows.draw_key(parts, matrix, frame)
        key = dict(key_direction=direction, key_matrix=matrix)
        return self.cartoon_pass.draw(parts, self.shadows, frame | key | _cartoon_uniforms(self.pack, person))


class ShadowMaps:
    """Depth from the key light, and from every sky light in tiles of one texture."""

    def __init__(self, stage):
        self.stage, self.program = stage, stage.part_program("shadow.frag")
        rows = -(-light.SKY_LIGHTS // SKY_COLUMNS)
        self.key, self.key_target = self._target((KEY_SHADOW_SIZE, KEY_SHADOW_SIZE))
        self.sky, self.sky_target = self._target((SKY_SHADOW_SIZE * SKY_COLUMNS, SKY_SHADOW_SIZE * rows))

    def _target(self, size):
        texture = self.stage.context.depth_texture(size)
        texture.compare_func = "<="
        return texture, self.stage.context.framebuffer(depth_attachment=texture)

    def draw_key(self, parts, matrix, frame):
        self._begin(self.key_target, frame)
        self._draw(parts, matrix)

    def draw_sky(self, parts, matrices, frame):
        self._begin(self.sky_target, frame)
        for k, matrix in enumerate(matrices):
            column, row = k % SKY_COLUMNS, k // SKY_COLUMNS
            corner = (column * SKY_SHADOW_SIZE, row * SKY_SHADOW_SIZE)
            self.sky_target.viewport = (*corner, SKY_SHADOW_SIZE, SKY_SHADOW_SIZE)
            self._draw(parts, matrix)

    def _begin(self, target, frame):
        self.stage.context.enable_only(moderngl.DEPTH_TEST)
        target.viewport = (0, 0, *target.size)
        target.use()
        target.clear()
        set_uniforms(self.program, **frame)

    def _draw(self, parts, matrix):
        set_uniforms(self.program, camera=matrix)
        self.stage.draw(self.program, [part for part in parts if part.kind not in NO_SHADOW])


class PhotoPass:
    """Depth first, then the expensive shading once a pixel, then the average of the samples."""

    def __init__(self, stage, size):
        self.stage = stage
        side = size * PHOTO_SAMPLES
        self.depth_program, self.program = stage.part_program("depth.frag"), stage.part_program("photo.frag")
        self.colour = stage.context.texture((side, side), 4, dtype="f2")
        self.target = stage.context.framebuffer([self.colour], stage.context.depth_renderbuffer((side, side)))
        self.resolve = Resolve(stage, size, PHOTO_SAMPLES, "f2")

    def draw(self, parts, shadows, uniforms):
        """(size, size, 4) float32, linear light, premultiplied."""
        context = self.stage.context
        _bind(self.stage, shadows)
        self.target.use()
        self.target.clear()
        set_uniforms(self.depth_program, **uniforms)
        self.target.color_mask = (False,) * 4
        self.stage.draw(self.depth_program, parts)
        self.target.color_mask = (True,) * 4
        set_uniforms(self.program, **uniforms, **TEXTURE_UNITS)
        context.depth_func = "<="
        self.stage.draw(self.program, parts)
        return self.resolve.read(self.colour)


class CartoonPass:
    """Flat paint with region labels, smoothing of the hair's outline, ink, average of the samples."""

    def __init__(self, stage, size):
        self.stage = stage
        self.side = size * CARTOON_SAMPLES
        self.program = stage.part_program("cartoon.frag")
        depth = stage.context.depth_renderbuffer((self.side, self.side))
        self.paint, self.region, self.paint_target = self._labelled(depth)
        self.smooth, self.smooth_region, self.smooth_target = self._labelled()
        self.coverage = self._texture(4, "f1")
        self.coverage_target = stage.context.framebuffer([self.coverage])
        self.inked = self._texture(4, "f1")
        self.inked_target = stage.context.framebuffer([self.inked])
        self.blur, self.smoothing, self.ink = map(stage.screen_pass, ("hair_blur.frag", "hair_smooth.frag", "ink.frag"))
        self.resolve = Resolve(stage, size, CARTOON_SAMPLES, "f1")

    def _texture(self, channels, dtype):
        return self.stage.context.texture((self.side, self.side), channels, dtype=dtype)

    def _labelled(self, depth=None):
        colour, region = self._texture(4, "f1"), self._texture(2, "f2")
        return colour, region, self.stage.context.framebuffer([colour, region], depth)

    def draw(self, parts, shadows, uniforms):
        """(size, size, 4) float32 display colour, premultiplied, ink included."""
        _bind(self.stage, shadows)
        self.stage.context.enable_only(moderngl.DEPTH_TEST)
        self.stage.context.depth_func = "<"
        self.paint_target.use()
        self.paint_target.clear()
        set_uniforms(self.program, **uniforms, **TEXTURE_UNITS)
        self.stage.draw(self.program, parts)
        _screen(self.blur, self.coverage_target, region_map=self.region)
        _screen(self.smoothing, self.smooth_target,
                colour_map=self.paint, region_map=self.region, coverage_map=self.coverage)
        _screen(self.ink, self.inked_target, colour_map=self.smooth, region_map=self.smooth_region)
        return self.resolve.read(self.inked)


class Resolve:
    """Averages samples and reads the picture back, top row first."""

    def __init__(self, stage, size, samples, dtype):
        defines = stage.defines
        stage.defines = defines | {"SAMPLES": samples}
        self.step = stage.screen_pass("resolve.frag")
        stage.defines = defines
        self.size, self.dtype = size, dtype
        self.target = stage.context.framebuffer([stage.context.texture((size, size), 4, dtype=dtype)])

    def read(self, colour):
        _screen(self.step, self.target, colour_map=colour)
        data = self.target.read(components=4, dtype=self.dtype)
        if self.dtype == "f1":
            pixels = np.frombuffer(data, np.uint8).astype(np.float32) / 255
        else:
            pixels = np.frombuffer(data, np.float16).astype(np.float32)
        return pixels.reshape(self.size, self.size, 4)[::-1]


def _screen(step, target, **textures):
    """Run a full-screen pass into `target`, reading `textures`."""
    program, triangle = step
    triangle.ctx.disable(moderngl.DEPTH_TEST)
    target.use()
    for unit, (name, texture) in enumerate(textures.items()):
        texture.use(unit)
        set_uniforms(program, **{name: unit})
    triangle.render(moderngl.TRIANGLES, vertices=3)


def _bind(stage, shadows):
    stage.texture("masks", "RGBA").use(TEXTURE_UNITS["mask_map"])
    stage.texture("mask_wrinkle", "L").use(TEXTURE_UNITS["wrinkle_map"])
    shadows.key.use(TEXTURE_UNITS["key_shadow_map"])
    shadows.sky.use(TEXTURE_UNITS["sky_shadow_map"])


def _face_uniforms(landmarks):
    return dict(face_matrix=landmarks.face_matrix(), between_eyes=landmarks.between_eyes, head_centre=landmarks.head)


def _photo_uniforms(person, rig):
    brow = np.array(person.hair_colour) * (0.45 if person.group == "elderly" else 0.6)
    return dict(
        key_direction=rig.direction, key_colour=rig.colour, key_matrix=rig.matrix, sky_direction=rig.sky_direction,
        sky_colour=rig.sky_colour, sky_matrix=rig.sky_matrix, tone=person.tone, saturation=person.saturation,
        hair_colour=person.hair_colour, brow_colour=brow, shirt_colour=person.shirt, beard=person.beard,
        freckles=person.freckles, blotches=person.blotches, oil=person.oil, wrinkle=person.wrinkles,
        jacket_colour=person.jacket, tie_colour=person.tie or person.shirt,
        **_shared_uniforms(person),
        bald=float(person.hair is None), lip_fade=looks.lip_fade(person), lash_strength=person.lash_strength,
    )


def _shared_uniforms(person):
    glasses = person.glasses
    return dict(
        beard_zones=person.beard_zones, suit=int(person.suit), tied=int(person.tie is not None),
        frame_colour=glasses.colour if glasses else (0.0, 0.0, 0.0),
        tint=glasses.tint if glasses else 0.0, glare=glasses.glare if glasses else 0.0,
    )


def _cartoon_uniforms(pack, person):
    colours = palette.of(pack, person)
    bushy_brows = person.gender == "male" and person.group != "kid"
    painted_lips = person.gender == "female" and person.group != "kid"
    return dict(
        skin_colour=colours.skin, hair_colour=colours.hair, brow_colour=colours.brow, shirt_colour=colours.shirt,
        jacket_colour=colours.jacket, tie_colour=colours.tie, **_shared_uniforms(person),
        iris_colour=colours.iris, lip_colour=colours.lip, beard=person.beard, bald=float(person.hair is None),
        blush=1.0 if person.group in ("kid", "woman") else 0.5, wrinkle=float(person.group == "elderly"),
        lip_amount=0.9 if painted_lips else 0.6, lash_strength=person.lash_strength,
        mouth_open=float(person.teeth > 0), brow_cut=0.22 if bushy_brows else 0.34,
    )


def _to_bytes(image):
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
