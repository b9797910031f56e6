from __future__ import annotations

import json
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from core.unlearning.patches import bundle, manifest, supertuning
from core.unlearning.patches.archive import Limits, UnsafeArchiveError
from core.unlearning.patches.digest import base_digest
from core.unlearning.patches.manifest import FileEntry, Provenance
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.signing import Signer
from core.unlearning.patches.verify import Verification, verify
from tests.support.patches import SIGNER, TARGETS, build_patch, deltas, random_delta, write_base

NAMES = [
    "README.md",
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "lora_export/adapter_config.json",
    "lora_export/adapter_model.safetensors",
    "lora_export/fidelity.json",
    "manifest.json",
    "recipe/mfa/notes.txt",
    "recipe/sculpt.json",
    "report.html",
    "report.json",
]
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    folder = tmp_path_factory.mktemp("patch")
    return build_patch(folder, base, folder / "patch.zip").path


def _members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _zip(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _failed(result: Verification) -> list[str]:
    assert result.ok == (not [check for check in result.checks if not check.ok])
    assert all("\n" not in check.detail and check.detail for check in result.checks)
    return [check.name for check in result.checks if not check.ok]


def _detail(result: Verification, name: str) -> str:
    return next(check.detail for check in result.checks if check.name == name)


def _resigned(members: Members, signer: Signer = SIGNER) -> Members:
    """What someone who holds a key can make of a bundle: every hash and the signature fit."""
    document = json.loads(members["manifest.json"])
    files = {name: bundle._entry(content) for name, content in members.items() if name != "manifest.json"}
    provenance = Provenance("tiny", document["base"]["digest"], "smfa", {}, {})
    return members | {"manifest.json": manifest.build(files, provenance, signer)}


def test_a_sound_patch_passes_every_check(patch: Path, base: Path) -> None:
    result = verify(patch, base=base, public_key=SIGNER.public_key)
    assert _failed(result) == []
    assert [c.name for c in result.checks] == [
        "archive",
        "manifest",
        "signature",
        "files",
        "adapter",
        "lora_export",
        "base",
    ]
    assert result.manifest is not None
    assert result.manifest.method.options == {"k": "inf", "lr": 1e-4, "targets": ["up", "down"]}
    assert result.manifest.base.digest == base_digest(base)
    assert result.manifest.versions.keys() >= {"python", "torch", "transformers", "peft"}
    assert sorted(_members(patch)) == NAMES


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, patch: Path, base: Path) -> None:
    again = build_patch(tmp_path, base, tmp_path / "again.zip")
    assert again.path.read_bytes() == patch.read_bytes()
    assert again.size == patch.stat().st_size


@pytest.mark.parametrize("name", [name for name in NAMES if name != "manifest.json"])
def test_one_flipped_bit_of_any_file_is_noticed_and_named(tmp_path: Path, patch: Path, name: str) -> None:
    members = _members(patch)
    content = bytearray(members[name])
    content[len(content) // 2] ^= 1
    result = verify(_zip(tmp_path / "p.zip", members | {name: bytes(content)}))
    assert "files" in _failed(result)
    assert _detail(result, "files") == f"{name} was changed."


def test_a_changed_manifest_breaks_the_signature(tmp_path: Path, patch: Path) -> None:
    members = _members(patch)
    members["manifest.json"] = members["manifest.json"].replace(b'"id":"tiny"', b'"id":"tina"')
    assert _failed(verify(_zip(tmp_path / "p.zip", members))) == ["signature"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "manifest.json"])
def test_a_missing_file_is_noticed(tmp_path: Path, patch: Path, name: str) -> None:
    members = _members(patch)
    del members[name]
    result = verify(_zip(tmp_path / "p.zip", members))
    assert _detail(result, "files") == f"{name} is missing."


def test_an_extra_file_is_noticed(tmp_path: Path, patch: Path) -> None:
    result = verify(_zip(tmp_path / "p.zip", _members(patch) | {"adapter/adapter_model.bin": b"x"}))
    assert _failed(result) == ["files"]
    assert "adapter_model.bin is not in the manifest" in _detail(result, "files")
    signed = verify(_zip(tmp_path / "s.zip", _resigned(_members(patch) | {"adapter/adapter_model.bin": b"x"})))
    assert "not a kind of file" in _detail(signed, "files")


def test_a_patch_signed_by_someone_else_passes_only_where_no_key_is_given(tmp_path: Path, patch: Path) -> None:
    forged = _zip(tmp_path / "p.zip", _resigned(_members(patch), Signer(Ed25519PrivateKey.generate())))
    result = verify(forged)
    assert result.ok
    assert "not checked" in _detail(result, "signature")
    assert _failed(verify(forged, public_key=SIGNER.public_key)) == ["signature"]


def test_another_base_is_refused_in_words(tmp_path: Path, patch: Path) -> None:
    other = write_base(tmp_path / "other", seed=9)
    result = verify(patch, base=other)
    assert _failed(result) == ["base"]
    assert f"the model in {other} is {base_digest(other)[:23]}: get the patch for that model." in _detail(
        result, "base"
    )
    assert _failed(verify(patch, base=tmp_path / "absent")) == ["base"]


def test_a_patch_that_changes_nothing_is_refused(tmp_path: Path, base: Path) -> None:
    empty = torch.empty(0)
    nothing = ModuleDelta("model.layers.0.up_proj", torch.randn(2, 4), torch.zeros(6, 2), empty.long(), empty)
    result = verify(build_patch(tmp_path, base, tmp_path / "p.zip", [nothing]).path)
    assert _failed(result) == ["adapter", "lora_export"]
    assert "changes nothing" in _detail(result, "adapter")


def _tensors(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        save_file(change(load_file(path)), path, metadata={"format": "pt"})

    return apply


def _config(**changes: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


UP = "base_model.model.model.layers.0.up_proj.supertuning_"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_config(peft_type="IA3"), "kind"),
        (_config(r=None), "rank"),
        (_config(r=3), "do not have the adapter's rank"),
        (_config(sparsity=0.5), "length its sparsity asks for"),
        (_config(sparsity=1), "sparsity makes no sense"),
        (_config(target_modules=r".*\.down_proj"), "not among its target modules"),
        (_config(target_modules="("), "not a valid pattern"),
        (_config(target_modules=None), "which modules"),
        (_tensors(lambda t: {k: v for k, v in t.items() if k != f"{UP}values"}), "lacks a tensor"),
        (_tensors(lambda t: t | {"base_model.model.lm_head.weight": torch.ones(1)}), "no place"),
        (_tensors(lambda t: t | {f"{UP}values": t[f"{UP}values"].half()}), "no place"),
        (_tensors(lambda t: t | {f"{UP}indices": t[f"{UP}indices"] + 24}), "outside the weight"),
        (_tensors(lambda t: t | {f"{UP}indices": t[f"{UP}indices"] - 25}), "outside the weight"),
        (_tensors(lambda t: t | {f"{UP}values": t[f"{UP}values"] * torch.inf}), "not finite"),
        (_tensors(lambda t: t | {"a\n\x1b[2Jb": torch.ones(1)}), "a??[2Jb"),
        (_tensors(lambda _: {}), "empty"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"\xff" * 64), "not a safetensors file"),
        (lambda folder: (folder / "adapter_config.json").write_bytes(b"[]"), "kind"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "is missing"),
    ],
)
def test_an_unsound_adapter_is_refused_even_when_signed(
    tmp_path: Path, patch: Path, damage: Callable[[Path], None], message: str
) -> None:
    bundle.extract(patch, tmp_path / "un")
    damage(tmp_path / "un" / "adapter")
    members = {
        p.relative_to(tmp_path / "un").as_posix(): p.read_bytes() for p in (tmp_path / "un").rglob("*") if p.is_file()
    }
    result = verify(_zip(tmp_path / "p.zip", _resigned(members)), public_key=SIGNER.public_key)
    assert _failed(result) == ["adapter"]
    assert message in _detail(result, "adapter")


def test_target_modules_as_a_list_follow_pefts_rule(tmp_path: Path, patch: Path) -> None:
    for names, ok in ((["up_proj", "model.layers.0.down_proj"], True), (["up_proj", "own_proj"], False)):
        out = tmp_path / str(ok)
        bundle.extract(patch, out)
        _config(target_modules=names)(out / "adapter")
        members = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        assert verify(_zip(tmp_path / f"{ok}.zip", _resigned(members))).ok is ok


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "a/../../evil", "C:/evil", "a\\..\\evil", "./a", "a//b", "folder/", "", "a\0b", ".hidden"],
)
def test_unsafe_names_are_refused_and_nothing_is_written(tmp_path: Path, patch: Path, name: str) -> None:
    path = _zip(tmp_path / "p.zip", _members(patch) | {"XXXX": b"evil"})
    if name:
        with zipfile.ZipFile(path, "a") as archive:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            archive.writestr(info, b"evil")
    else:
        shutil.copy(patch, path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(zipfile.ZipInfo(""), b"evil")
    assert _failed(verify(path)) == ["archive"]
    with pytest.raises(UnsafeArchiveError):
        bundle.extract(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_links_are_refused(tmp_path: Path, patch: Path) -> None:
    shutil.copy(patch, tmp_path / "p.zip")
    with zipfile.ZipFile(tmp_path / "p.zip", "a") as archive:
        info = zipfile.ZipInfo("adapter/link")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "not an ordinary file" in _detail(verify(tmp_path / "p.zip"), "archive")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, patch: Path) -> None:
    for name in ("report.json", "REPORT.json"):
        shutil.copy(patch, tmp_path / "p.zip")
        with zipfile.ZipFile(tmp_path / "p.zip", "a") as archive:
            archive.writestr(name, b"{}")
        assert "twice" in _detail(verify(tmp_path / "p.zip"), "archive")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, patch: Path) -> None:
    shutil.copy(patch, tmp_path / "p.zip")
    with zipfile.ZipFile(tmp_path / "p.zip", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("recipe/zeros.json", bytes(20_000_000))
    assert "far more than it takes up" in _detail(verify(tmp_path / "p.zip"), "archive")
    assert "more than 5 files" in _detail(verify(patch, limits=Limits(members=5)), "archive")
    assert "more than a patch can be" in _detail(verify(patch, limits=Limits(total_bytes=100)), "archive")
    assert "too large" in _detail(verify(patch, limits=Limits(small_bytes=10)), "manifest")


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """Two directory entries for one stretch of the file: the way a small zip becomes a huge one."""
    path = _zip(tmp_path / "p.zip", {"a.json": b"x" * 500, "b.json": b"x" * 500})
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(content)
    assert "overlap" in _detail(verify(path), "archive")


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path, patch: Path) -> None:
    content = bytearray(patch.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 5)
    (tmp_path / "p.zip").write_bytes(content)
    assert not verify(tmp_path / "p.zip").ok


def test_what_is_no_patch_says_so(tmp_path: Path) -> None:
    assert _detail(verify(tmp_path / "absent.zip"), "archive") == "There is no such file."
    (tmp_path / "text.zip").write_text("hello")
    assert "not a zip" in _detail(verify(tmp_path / "text.zip"), "archive")
    assert "not a Lethe patch" in _detail(verify(_zip(tmp_path / "z.zip", {"a.txt": b"a"})), "manifest")
    for content in (b"{", b"{}", b'{"format":"lethe-patch/2"}', b"[1]"):
        assert _failed(verify(_zip(tmp_path / "m.zip", {"manifest.json": content}))) == ["manifest"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_of_the_file_makes_it_crash_or_change_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, patch: Path, data: st.DataObject
) -> None:
    content = bytearray(patch.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.integers(0, 4)) == 0:
        content = content[:position]
    else:
        content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "p.zip"
    path.write_bytes(content)
    if verify(path, public_key=SIGNER.public_key).ok:
        assert _members(path) == _members(patch)


def test_extraction_gives_back_what_was_packed(tmp_path: Path, patch: Path) -> None:
    bundle.extract(patch, tmp_path / "all")
    assert {p.relative_to(tmp_path / "all").as_posix() for p in (tmp_path / "all").rglob("*") if p.is_file()} == set(
        NAMES
    )
    bundle.extract(patch, tmp_path / "recipe", folder="recipe")
    assert json.loads((tmp_path / "recipe" / "recipe" / "sculpt.json").read_text()) == {"k": 1.0}
    assert [p.name for p in (tmp_path / "recipe").iterdir()] == ["recipe"]
    with pytest.raises(UnsafeArchiveError, match="not empty"):
        bundle.extract(patch, tmp_path / "all")


def test_only_data_goes_into_a_bundle(tmp_path: Path, base: Path) -> None:
    work = tmp_path / "work"
    supertuning.write(deltas, work / "adapter", base_model="tiny", target_modules=TARGETS)
    (work / "recipe").mkdir()
    arguments = {
        "report": {},
        "report_html": "",
        "readme": "",
        "provenance": Provenance("tiny", base_digest(base), "smfa", {}, {}),
        "signer": SIGNER,
    }
    for forbidden in ("state.pt", "link.json"):
        path = work / "recipe" / forbidden
        if forbidden.startswith("link"):
            path.symlink_to(base / "model.safetensors")
        else:
            path.write_bytes(b"x")
        with pytest.raises(ValueError, match=f"recipe/{forbidden} may not go"):
            bundle.build(work, tmp_path / "p.zip", **arguments)  # type: ignore[arg-type]
        path.unlink()
    shutil.rmtree(work / "adapter")
    with pytest.raises(ValueError, match="no adapter"):
        bundle.build(work, tmp_path / "p.zip", **arguments)  # type: ignore[arg-type]


def test_a_large_adapter_is_checked_across_the_pieces_it_is_read_in(tmp_path: Path, base: Path) -> None:
    delta = random_delta("model.layers.0.up_proj", (1024, 700), nnz=400_000)
    result = verify(build_patch(tmp_path, base, tmp_path / "p.zip", [delta]).path)
    assert result.ok
    last = ModuleDelta(delta.name, delta.lora_a, delta.lora_b * 0, delta.indices, torch.zeros(400_000))
    last.values[-1] = 1.0
    assert verify(build_patch(tmp_path, base, tmp_path / "q.zip", [last]).path).ok


def test_entries_are_validated() -> None:
    with pytest.raises(ValueError, match="sha256"):
        FileEntry(sha256="short", size=1)
