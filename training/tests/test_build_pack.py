"""The pack builder: readers of MakeHuman's formats on small files, the atlas, the masks, clear errors.

Set $MAKEHUMAN and $MAKEHUMAN_ASSETS to checkouts of the two repositories to compare with the pack in $TOONFACE_PACK.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from pairs import build_pack, masks  # noqa: E402
from pairs.makehuman_files import AssetError, islands, read_fit, read_mesh, read_target, triangles  # noqa: E402

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def test_readers(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 2\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\ng body\nf 1/1 2/2 3/3 4/4\n")
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.members("body") == [0, 1, 2, 3] and len(islands(mesh.faces)) == 1
    face, corner = triangles(mesh.faces)
    assert face.tolist() == [[0, 1, 2], [0, 2, 3]] and corner.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    (tmp_path / "a.target").write_text("# free\n7 .1 -.2 0\n")
    index, move = read_target(tmp_path / "a.target")
    assert index.tolist() == [7] and move.tolist() == [[0.1, -0.2, 0.0]]
    (tmp_path / "a.mhclo").write_text(
        "obj_file a.obj\nx_scale 1 2 0.5\ny_scale 3 4 0.6\nz_scale 5 6 0.7\nverts 0\n1 2 3 .2 .3 .5 0 0 .1\n9\n"
    )
    fit = read_fit(tmp_path / "a.mhclo")
    assert fit.mesh == "a.obj" and fit.reference.tolist() == [[1, 2, 3], [9, 9, 9]]
    assert fit.weight[1].tolist() == [1, 0, 0] and fit.scale_distance.tolist() == [0.5, 0.6, 0.7]


def test_the_atlas_shows_the_sheet_where_the_geometry_looks_for_it():
    """A sheet whose colour is its own coordinates: the atlas at a corner's uv has the colour of the sheet's uv."""
    y, x = np.mgrid[0:1024, 0:1024]
    picture = np.asarray(build_pack.atlas(Image.fromarray(np.stack([x // 4, y // 4, 0 * x], -1).astype(np.uint8))))
    for (right, down), sheet in zip((island[0] for island in build_pack.ISLANDS), ((800, 500), (400, 150), (850, 950))):
        column, row = sheet[0] + right, sheet[1] + down
        red, green, _ = picture[int(row), int(column)]
        assert abs(int(red) - sheet[0] // 4) <= 1 and abs(int(green) - sheet[1] // 4) <= 1


def test_masks_are_symmetric_about_the_midline():
    picture = np.asarray(masks.masks()).astype(int)
    above, below = picture[masks.MIDLINE - 200 : masks.MIDLINE], picture[masks.MIDLINE + 1 : masks.MIDLINE + 201][::-1]
    assert abs(above - below).max() <= 2
    assert [picture[360, 283, 0] > 200, picture[360, 50, 1] > 200, picture[400, 320, 2] > 200] == [True] * 3


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(AssetError, match="no folder"):
        build_pack.build(tmp_path / "nowhere", tmp_path, tmp_path / "pack")
    with pytest.raises(AssetError, match="base.obj is missing"):
        build_pack.build(tmp_path, tmp_path, tmp_path / "pack")
    (tmp_path / "hair.png").write_text(POINTER)
    with pytest.raises(AssetError, match="git lfs pull"):
        build_pack._open(tmp_path / "hair.png")
    assert not (tmp_path / "pack").exists()


def test_geometry_of_the_real_repositories(tmp_path):
    checkouts = [os.environ.get(name) for name in ("MAKEHUMAN", "MAKEHUMAN_ASSETS", "TOONFACE_PACK")]
    if not all(checkouts):
        pytest.skip("$MAKEHUMAN, $MAKEHUMAN_ASSETS or $TOONFACE_PACK is not set")
    build_pack.build(*checkouts[:2], tmp_path / "pack", geometry_only=True)
    ours, theirs = np.load(tmp_path / "pack" / "head.npz"), np.load(Path(checkouts[2]) / "head.npz")
    assert set(ours.files) == set(theirs.files)
    assert set(ours["t_names"].tolist()) == set(theirs["t_names"].tolist())
    for key in (name[:-4] for name in theirs.files if name.endswith("/ref")):
        assert np.array_equal(ours["v0"][ours[f"{key}/ref"]], theirs["v0"][theirs[f"{key}/ref"]]), key
        for field in ("w", "o", "scd", "uv", "f"):
            assert np.allclose(ours[f"{key}/{field}"], theirs[f"{key}/{field}"], atol=1e-6), (key, field)
