"""Files of torch.save: tensors come out, code does not run."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toonface import paper, tensors_only
from toonface.groups import randomise


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def one_group() -> paper.Paper:
    generator = paper.Paper(4, 64, 1)
    randomise(generator, 3)
    return generator


def test_the_drawing_network_of_a_whole_training_comes_out(tmp_path: Path) -> None:
    state = paper.to_official(one_group(), paper.PHOTO2CARTOON)
    saved = {"genA2B": state, "genB2A": paper.to_official(one_group()), "disGA": {"w": torch.zeros(3)}, "step": 7}
    torch.save(saved, tmp_path / "all.pt")
    tensors_only.main([str(tmp_path / "all.pt"), "--out", str(tmp_path / "all.safetensors")])
    written = load_file(tmp_path / "all.safetensors")
    assert written.keys() == state.keys() and "gap_fc.weight" in written
    assert all(torch.equal(written[name], value) for name, value in state.items())
    other = tensors_only.tensors(tensors_only.load(tmp_path / "all.pt"), "disGA")
    assert list(other) == ["w"]


def test_a_bare_state_dict_comes_out_in_f32(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2, dtype=torch.float16), "count": torch.tensor(3), "name": "x"}, tmp_path / "bare.pt")
    found = tensors_only.tensors(tensors_only.load(tmp_path / "bare.pt"))
    assert list(found) == ["w"] and found["w"].dtype == torch.float32


@pytest.mark.parametrize("old_format", [False, True])
def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, old_format: bool, capsys: pytest.CaptureFixture) -> None:
    trace = tmp_path / "it_ran"
    torch.save(
        {"genA2B": {"w": torch.zeros(1)}, "bomb": Bomb(trace)},
        tmp_path / "bomb.pt",
        _use_new_zipfile_serialization=not old_format,
    )
    with pytest.raises(SystemExit):
        tensors_only.main([str(tmp_path / "bomb.pt"), "--out", str(tmp_path / "out.safetensors")])
    assert not trace.exists() and not (tmp_path / "out.safetensors").exists()
    assert "holds more than tensors" in capsys.readouterr().err


def test_a_plain_pickle_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    trace = tmp_path / "it_ran"
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb(trace)))
    torch.save({"w": torch.zeros(100)}, tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:200])
    for name in ("plain.pt", "cut.pt"):
        with pytest.raises(ValueError):
            tensors_only.load(tmp_path / name)
    assert not trace.exists()


def test_what_is_not_there_is_named() -> None:
    content = {"a": {"w": torch.zeros(1)}, "b": {"w": torch.zeros(1)}}
    with pytest.raises(ValueError, match="a, b"):
        tensors_only.tensors(content)
    with pytest.raises(ValueError, match="no network c"):
        tensors_only.tensors(content, "c")
    with pytest.raises(ValueError, match="found list"):
        tensors_only.tensors([1])


def test_photo2cartoon_names_come_back() -> None:
    generator = one_group()
    state = paper.to_official(generator, paper.PHOTO2CARTOON)
    assert state["gap_fc.weight"].shape == (1, 16) and "gap_fc_new.weight" not in state
    x = torch.rand(1, 3, 64, 64)
    read = paper.from_official(state, 64)
    assert torch.equal(read(x).picture, generator.eval()(x).picture)
