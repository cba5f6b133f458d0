"""The comparison of ways to train one more group: it steps what it says, and tells every way."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from toonface import compare, package
from toonface.config import Config, build_generator
from toonface.data import read_pairs
from toonface.groups import randomise


def write_package(folder: Path, settings: Config) -> None:
    generator = build_generator(settings.model, 2)
    randomise(generator, 5)
    package.write(folder, "toon", generator, settings.model, ["first", "second"], half=False)


def test_names_of_groups_are_read_however_they_are_laid_out(settings: Config, tmp_path: Path) -> None:
    write_package(tmp_path / "package", settings)
    assert package.groups(tmp_path / "package") == ["first", "second"]
    manifest = tmp_path / "package" / "toon.cartoon.ron"
    manifest.write_text(manifest.read_text().replace('", weights', '",\n            weights').replace("Lite(", "Lite(\n"))
    assert package.groups(tmp_path / "package") == ["first", "second"]
    assert package.read(tmp_path / "package").groups == 2


def test_the_games_step_leaves_the_trunk_alone(settings: Config, pairs: Path, tmp_path: Path) -> None:
    write_package(tmp_path / "package", settings)
    learned = read_pairs(pairs / "fewshot/second", 64)
    case = compare.Case(tmp_path / "package", "second", learned, read_pairs(pairs / "fewshot/second", 96), None, 2)
    start = compare.generator_of(case, 1).state_dict()
    moved = {}
    for scope, adversarial in (("output", 0.0), ("branch", 0.0), ("branch", 0.1)):
        trained = compare.in_the_game(case, scope, adversarial).state_dict()
        moved[scope, adversarial] = {key for key in start if not torch.equal(start[key], trained[key])}
    assert all(key.startswith(("up1.", "up2.", "merge.", "head.")) for key in moved["output", 0.0])
    assert "head.each.0.weight" in moved["output", 0.0]
    assert all(".each.0." in key or key.startswith("cam.g") for key in moved["branch", 0.0])
    assert "stem.each.0.weight" in moved["branch", 0.0] == moved["branch", 0.1]


def test_it_tells_every_way(settings: Config, pairs: Path, tmp_path: Path) -> None:
    write_package(tmp_path / "package", settings)
    words = ["--package", tmp_path / "package", "--start", "first", "--pairs", pairs / "fewshot/second", "--holdout", 1]
    words += ["--base", pairs / "pairs/first", "--heldout", pairs / "heldout/second", "--steps", 1]
    words += ["--game", tmp_path / "package", "--name", "second", "--json", tmp_path / "scores.json"]
    command = [sys.executable, "-m", "toonface.compare", *map(str, words), "--sheet", str(tmp_path / "sheet.png")]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "scores.json").read_text())
    assert len(rows) == 2 + 2 + len(compare.ADVERSARIAL) + 1 and rows[1]["trained"] == "in the game"
    assert rows[-1]["trained"] == "stage 2" and (tmp_path / "sheet.png").is_file()
    assert all(row["scores"].keys() == {"1 held out", "3 other people"} for row in rows)
    words[3] = "nobody"
    command = [sys.executable, "-m", "toonface.compare", *map(str, words)]
    failed = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert failed.returncode == 2 and "has no group 'nobody', it has first, second" in failed.stderr
