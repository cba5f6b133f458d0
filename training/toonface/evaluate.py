"""Scores of checkpoints on held-out pairs, by group, skin tone and age.

    python -m toonface.evaluate --checkpoint RUN2/last.pt --before RUN1/last.pt --data DATA --features RUN/features.pt
        [--json scores.json] [--sheet scores.png] [--package ../assets/models/toon]
        [--plugin "cargo run --release --all-features --example stylize --"]
    python -m toonface.evaluate --checkpoint RUN2/last.pt --photos DIR --group man --sheet look.png

The rows are: the photograph itself, the base branch before stage 2 (`--before`), an older package (`--package`), the
checkpoint, the checkpoint rounded to f16 as a package stores it, and that as the plugin draws it (`--plugin`). The second
form only draws photographs that have no cartoon. Rank-1 and KID compare features of the network of `features.py`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from torch import Tensor

from . import checkpoint, features, package, scores
from .data import Pairs, pictures_in, read_pairs, read_picture, to_floats
from .groups import Generator
from .plugin import Plugin
from .sheet import write_sheet

BATCH, SHOWN = 8, 10
AGES = ((0, 18), (18, 40), (40, 60), (60, 120))
THIS, HALF, BY_PLUGIN = "this model", "this model, f16", "this model, by the plugin"


def draw(generator: Generator, photo: Tensor, group: int) -> Tensor:
    """Cartoons of photographs [N, 3, S, S] by the branch of `group`, or by the last that there is."""
    order = (min(group, generator.groups - 1),)
    with torch.no_grad():
        return torch.cat([generator(part, order).picture for part in photo.split(BATCH)])


def round_to_half(generator: Generator) -> Generator:
    """The same weights after a trip through f16."""
    generator.load_state_dict({name: value.half().float() for name, value in generator.state_dict().items()})
    return generator


def measure(picture: Tensor, cartoon: Tensor, network: Optional[features.Features]) -> Dict[str, float]:
    """All scores of one group's drawings [N, 3, S, S]; rank-1 and KID with a feature network only."""
    result = {
        "l1": scores.l1(picture, cartoon).mean().item(),
        "ssim": scores.ssim(picture, cartoon).mean().item(),
        "edge_f1": scores.edge_f1(picture, cartoon),
    }
    if network:
        with torch.no_grad():
            ours, theirs = network(picture), network(cartoon)
        result |= {"rank_1": scores.rank_1(ours, theirs), "kid": scores.kid(ours, theirs)}
    return result


def table(rows: List[Dict[str, Any]]) -> str:
    """The scores as Markdown."""
    lines = ["| group | drawn by | pairs | L1 | SSIM | edge F1 | rank-1 | KID x1000 |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        more = f"{row['rank_1']:.2f} | {row['kid']:.1f}" if "kid" in row else "- | -"
        values = f"{row['l1']:.4f} | {row['ssim']:.3f} | {row['edge_f1']:.3f} | {more}"
        lines.append(f"| {row['group']} | {row['drawn_by']} | {row['pairs']} | {values} |")
    return "\n".join(lines)


def split_table(split: Dict[str, Dict[str, Any]]) -> str:
    """L1 by skin tone and by age, as Markdown."""
    lines = ["| people | pairs | L1 |", "|---|---|---|"]
    lines += [f"| {name} | {row['pairs']} | {row['l1']:.4f} |" for name, row in split.items()]
    return "\n".join(lines)


def split_by_person(errors: List[Tensor], people: List[List[Dict[str, Any]]]) -> Dict[str, Dict[str, Any]]:
    """Mean L1 over all groups, by skin tone and by age; what the brief calls fair is seen here."""
    error, everyone = torch.cat(errors), [line for lines in people for line in lines]
    chosen = {f"{tone} skin": [line["tone"] == tone for line in everyone] for tone in features.TONES}
    chosen |= {f"{a} to {b} years": [a <= line["years"] < b for line in everyone] for a, b in AGES}
    chosen |= {"with glasses": [bool(line.get("glasses")) for line in everyone]}
    chosen |= {"showing teeth": [line["teeth"] > 0 for line in everyone]}
    split = {}
    for name, mask in chosen.items():
        if any(mask):
            split[name] = {"pairs": sum(mask), "l1": error[torch.tensor(mask)].mean().item()}
    return split


def read_people(folder: Path, pairs: Pairs) -> Optional[List[Dict[str, Any]]]:
    """Who is on the pairs, in their order; None for pairs that `pairs.make` did not write."""
    if not (folder / "meta.jsonl").is_file():
        return None
    lines = features.read_meta(folder)
    people = [lines[int(path.stem)] for path in pictures_in(folder / "photo")]
    return people if len(people) == len(pairs.photo) else None


def models_of(arguments: argparse.Namespace, saved: checkpoint.Checkpoint) -> Dict[str, Generator]:
    """Who draws, by the name of its row."""
    models: Dict[str, Generator] = {}
    if arguments.before:
        models["base branch"] = checkpoint.load(arguments.before).generator
    if arguments.package:
        models["package " + arguments.package.name] = package.read(arguments.package)
    models[THIS] = saved.generator
    models[HALF] = round_to_half(checkpoint.load(arguments.checkpoint).generator)
    return models


def score(arguments: argparse.Namespace) -> None:
    """Prints the tables and writes what else was asked for."""
    saved = checkpoint.load(arguments.checkpoint)
    size = saved.config.model.image_size
    models = models_of(arguments, saved)
    network = features.load(arguments.features) if arguments.features else None
    groups = saved.config.data.groups
    plugin = Plugin(arguments.plugin, saved.generator, saved.config.model, groups) if arguments.plugin else None
    rows, pictures, errors, people = [], [], [], []
    for index, group in enumerate(groups):
        folder = arguments.data / saved.config.data.heldout / group
        pairs = read_pairs(folder, size)
        photo, cartoon = to_floats(pairs.photo), to_floats(pairs.cartoon)
        drawn = {"photograph": photo, **{name: draw(model, photo, index) for name, model in models.items()}}
        if plugin:
            drawn[BY_PLUGIN] = plugin.draw(photo, index)
        for name, picture in drawn.items():
            rows.append({"group": group, "drawn_by": name, "pairs": len(photo), **measure(picture, cartoon, network)})
        errors.append(scores.l1(drawn[THIS], cartoon))
        people.append(read_people(folder, pairs))
        pictures += [photo[:SHOWN], cartoon[:SHOWN]] + [drawn[name][:SHOWN] for name in models if name != HALF]
    split = split_by_person(errors, people) if all(people) else {}
    print(table(rows) + "\n\n" + split_table(split))
    if arguments.json:
        arguments.json.write_text(json.dumps({"scores": rows, "split": split}, indent=1))
    if arguments.sheet:
        write_sheet(arguments.sheet, pictures)


def look(arguments: argparse.Namespace) -> None:
    """Draws photographs: rows of photographs, each above its drawings."""
    saved = checkpoint.load(arguments.checkpoint)
    groups = saved.config.data.groups
    files = pictures_in(arguments.photos)[: arguments.limit]
    if not files:
        raise ValueError(f"{arguments.photos}: no pictures")
    photo = torch.stack([read_picture(path, saved.config.model.image_size) for path in files])
    wanted = groups if arguments.group == "all" else [arguments.group]
    rows = []
    for start in range(0, len(photo), SHOWN):
        part = photo[start : start + SHOWN]
        rows += [part] + [draw(saved.generator, part, groups.index(name)) for name in wanted]
    write_sheet(arguments.sheet, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, help="PNG of pictures to look at")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of the pairs")
    source.add_argument("--photos", type=Path, help="folder of photographs without cartoons, with --sheet")
    parser.add_argument("--before", type=Path, help="with --data: checkpoint before stage 2")
    parser.add_argument("--package", type=Path, help="with --data: a package to compare with")
    parser.add_argument("--plugin", metavar="COMMAND", help="with --data: what starts the plugin's example `stylize`")
    parser.add_argument("--features", type=Path, help="with --data: network for rank-1 and KID (toonface.features)")
    parser.add_argument("--json", type=Path, help="with --data: write the scores for CARD.md")
    parser.add_argument("--group", default="all", help="with --photos: branch to draw with")
    parser.add_argument("--limit", type=int, default=40, help="with --photos: at most so many")
    arguments = parser.parse_args()
    if not arguments.data and arguments.sheet is None:
        parser.error("--photos needs --sheet")
    try:
        score(arguments) if arguments.data else look(arguments)
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
