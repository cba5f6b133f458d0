"""The asset pack on disk: geometry, morph targets, fitted proxies, textures (layout in ASSETS.md)."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

PACK_VARIABLE = "TOONFACE_PACK"
SKIN_SAMPLE = (230, 330, 300, 390)  # a patch of cheek on the 600x1000 atlas: left, top, right, bottom


class PackError(RuntimeError):
    """The asset pack cannot be used. The message names the path and what to do."""


class PackFileMissing(PackError):
    """A file of the pack is not where it should be."""

    def __init__(self, path):
        self.path = Path(path)
        super().__init__(f"asset pack file not found: {path} (pairs/ASSETS.md says where to get the pack)")


class PackEntryMissing(PackError):
    """head.npz lacks an array, a morph target or a proxy."""

    def __init__(self, path, entry):
        self.entry = entry
        super().__init__(f"asset pack {path} has no entry '{entry}' (an older or partial pack?)")


@dataclass(frozen=True)
class Proxy:
    """A mesh fitted to the head: eyes, brows, lashes, hair or teeth."""

    reference: np.ndarray  # (n, 3) head vertices that carry each vertex
    weight: np.ndarray  # (n, 3) barycentric weights of those
    offset: np.ndarray  # (n, 3) decimetres, before scaling
    scale_vertices: np.ndarray  # (3, 2) the two head vertices whose distance sets the scale of axis x, y, z
    scale_distance: np.ndarray  # (3,) that distance on the head the proxy was made for, decimetres
    corner: np.ndarray  # (m,) vertex of each render corner
    uv: np.ndarray  # (m, 2)
    face: np.ndarray  # (k, 3) corners


class Pack:
    """Read-only view of a pack folder. Textures are opened when asked for."""

    def __init__(self, folder=None):
        folder = folder or os.environ.get(PACK_VARIABLE)
        if not folder:
            raise PackError(f"no asset pack given: use --pack DIR or set ${PACK_VARIABLE} (see pairs/ASSETS.md)")
        self.folder = Path(folder)
        self._geometry_path = self.folder / "head.npz"
        if not self._geometry_path.is_file():
            raise PackFileMissing(self._geometry_path)
        with np.load(self._geometry_path) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}
        names = self.array("t_names")
        self._target_index = {str(name): i for i, name in enumerate(names)}
        self._target_ptr = self.array("t_ptr")
        self._target_delta = self.array("t_d").astype(np.float32) * 1e-3  # stored in 1/1000 decimetre
        self._proxies, self._skin_means = {}, {}

    def array(self, name):
        """One array of head.npz."""
        if name not in self._arrays:
            raise PackEntryMissing(self._geometry_path, name)
        return self._arrays[name]

    @cached_property
    def rest(self):
        """(n, 3) base vertices in decimetres, y up, face towards +z."""
        return self.array("v0").astype(np.float32)

    @property
    def target_names(self):
        """Names of all morph targets."""
        return tuple(self._target_index)

    def add_target(self, vertices, name, weight):
        """Add `weight` times a morph target to `vertices`, in place."""
        if name not in self._target_index:
            raise PackEntryMissing(self._geometry_path, f"target {name}")
        k = self._target_index[name]
        part = slice(self._target_ptr[k], self._target_ptr[k + 1])
        vertices[self.array("t_i")[part]] += self._target_delta[part] * np.float32(weight)

    def joint(self, vertices, name):
        """Centre of a joint ('neck', 'head', 'l-eye', 'r-eye', 'mouth') of a shaped head."""
        return vertices[self.array(f"j_{name}")].mean(0)

    def proxy(self, key):
        """A fitted proxy by key, for example 'hair:bob01'."""
        if key not in self._proxies:
            fields = ("ref", "w", "o", "sci", "scd", "vi", "uv", "f")
            self._proxies[key] = Proxy(*(self.array(f"{key}/{field}") for field in fields))
        return self._proxies[key]

    def texture(self, name, mode):
        """A texture by name without extension, converted to a Pillow mode ('RGB', 'LA', 'RGBA', 'L')."""
        for extension in (".png", ".jpg"):
            path = self.folder / "tex" / (name + extension)
            if path.is_file():
                return Image.open(path).convert(mode)
        raise PackFileMissing(self.folder / "tex" / (name + ".png"))

    def skin_mean(self, skin):
        """Mean cheek colour of a skin, 0..1 in display space."""
        if skin not in self._skin_means:
            image = self.texture(f"skin_{skin}", "RGB").resize((600, 1000))
            self._skin_means[skin] = np.asarray(image.crop(SKIN_SAMPLE), np.float32).reshape(-1, 3).mean(0) / 255
        return self._skin_means[skin]
