"""Readers of MakeHuman's text formats: .obj meshes, .target morphs and .mhclo fits."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class AssetError(RuntimeError):
    """A checkout of MakeHuman's repositories lacks something. The message says what to do."""


@dataclass(frozen=True)
class Mesh:
    """Faces are lists of (vertex, texture coordinate); `group` names the group of each."""

    position: np.ndarray  # (n, 3)
    uv: np.ndarray  # (m, 2), v up
    faces: list
    group: list

    def members(self, group):
        """Vertices of a group, sorted."""
        return sorted({v for face, name in zip(self.faces, self.group) if name == group for v, _ in face})


@dataclass(frozen=True)
class Fit:
    """A .mhclo: how a proxy hangs on the base mesh."""

    mesh: str
    reference: np.ndarray  # (n, 3) base vertices
    weight: np.ndarray  # (n, 3)
    offset: np.ndarray  # (n, 3)
    scale_vertices: np.ndarray  # (3, 2) for x, y, z
    scale_distance: np.ndarray  # (3,)


def text_of(path):
    """Text of a file; a Git LFS pointer is not one."""
    if not path.is_file():
        raise AssetError(f"{path} is missing: is this a checkout of the repository that ASSETS.md names?")
    text = path.read_text(errors="replace")
    if text.startswith("version https://git-lfs"):
        raise AssetError(f"{path} is a Git LFS pointer: run `git lfs pull` in that checkout")
    return text


def read_mesh(path):
    """An .obj file."""
    position, uv, faces, groups, group = [], [], [], [], ""
    for line in text_of(path).splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            position.append([float(word) for word in words[:3]])
        elif kind == "vt":
            uv.append([float(word) for word in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            faces.append([tuple(int(index) - 1 for index in word.split("/")[:2]) for word in words])
            groups.append(group)
    return Mesh(np.array(position), np.array(uv), faces, groups)


def read_target(path):
    """(vertices, (n, 3) displacements) of a .target file."""
    rows = [line.split() for line in text_of(path).splitlines() if line and not line.startswith("#")]
    moves = np.array([[float(x) for x in row[1:4]] for row in rows]).reshape(-1, 3)
    return np.array([int(row[0]) for row in rows], int), moves


def read_fit(path):
    """A .mhclo file."""
    words, rows = {}, []
    for line in text_of(path).splitlines():
        part = line.split()
        if not part or part[0].startswith("#"):
            continue
        if rows or part[0].isdigit():
            if not part[0].isdigit():
                break  # a section after the vertices
            rows.append([float(word) for word in part] if len(part) > 1 else [int(part[0])] * 3 + [1, 0, 0, 0, 0, 0])
        else:
            words[part[0]] = part[1:]
    table = np.array(rows)
    scales = [words[f"{axis}_scale"] for axis in "xyz"]
    return Fit(
        words["obj_file"][0], table[:, :3].astype(int), table[:, 3:6], table[:, 6:9],
        np.array([[int(scale[0]), int(scale[1])] for scale in scales]), np.array([float(scale[2]) for scale in scales]),
    )


def islands(faces):
    """Faces that hang together in the texture: lists of face numbers."""
    parent = {}

    def root(x):
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for face in faces:
        for _, corner in face[1:]:
            parent[root(corner)] = root(face[0][1])
    found = defaultdict(list)
    for number, face in enumerate(faces):
        found[root(face[0][1])].append(number)
    return list(found.values())


def triangles(faces):
    """(n, 3) corners and (m, 2) unique corners (vertex, texture coordinate) of polygons, cut as fans."""
    corners = sorted({corner for face in faces for corner in face})
    number = {corner: k for k, corner in enumerate(corners)}
    cut = [(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)]
    return np.array([[number[corner] for corner in triangle] for triangle in cut], np.int32), np.array(corners)


def directory(path):
    """A folder that must be there."""
    if not Path(path).is_dir():
        raise AssetError(f"no folder {path}")
    return Path(path)
