"""Reading a folder of pictures and a list of names."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.preparation.dealing import deal
from core.unlearning.families.language.preparation.sources import (
    Listed,
    import_picture,
    picture_files,
    read_names,
    unique_pictures,
)


def save(path: Path, colour: str = "red", size: tuple[int, int] = (40, 30)) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def test_a_line_is_a_name_and_its_questions(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\ufeffAda  Okoro\tWhere does she live?\t What is her job? \n\n李明\nada okoro\n", encoding="utf-8")
    assert read_names(path) == [Listed("Ada Okoro", ("Where does she live?", "What is her job?")), Listed("李明")]


def test_a_list_that_is_no_text_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\xfa")
    for name in ("names.txt", "none.txt"):
        with pytest.raises(InvalidInputError, match=name):
            read_names(tmp_path / name)


def test_pictures_in_a_folder_are_of_one_group_and_all_others_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for name in ("a.png", "b.png", "ada/1.png", "ada/2.png", ".hidden/c.png"):
        save(folder / name, size=(30 + len(name), 30))
    found = [import_picture(path, folder, tmp_path / "out") for path in picture_files(folder)]
    assert sorted(picture.group for picture in found) == ["a.png", "ada", "ada", "b.png"]


def test_a_picture_is_made_smaller_once_and_keeps_no_metadata(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    path = folder / "a.jpg"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (3000, 2000), "blue").save(path, exif=exif)
    first = import_picture(path, folder, out)
    assert first.image.size == (1024, 683)
    assert b"taken at home" not in (out / first.file).read_bytes()
    again = import_picture(path, folder, out)
    assert again.image.tobytes() == first.image.tobytes()
    assert [file.name for file in (out / "images").iterdir()] == [Path(first.file).name]


def test_a_picture_that_lies_there_twice_counts_once(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for name in ("a.png", "copies/b.png"):
        save(folder / name)
    found = [import_picture(path, folder, tmp_path / "out") for path in picture_files(folder)]
    assert len(list(unique_pictures(found))) == 1


def test_what_is_no_picture_is_told_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 nonsense")
    with pytest.raises(InvalidInputError, match=r"^broken\.jpg is not a readable JPEG, PNG or WebP$"):
        import_picture(folder / "broken.jpg", folder, tmp_path / "out")
    with pytest.raises(InvalidInputError, match="is not a folder"):
        picture_files(tmp_path / "none")


def test_everybody_has_a_part_and_parts_have_their_share() -> None:
    units = [f"person {n}" for n in range(50)]
    parts = deal(units, 0)
    counts = {part: list(parts.values()).count(part) for part in ("train", "validation", "test")}
    assert counts == {"train": 20, "validation": 10, "test": 20}
    assert deal(reversed(units), 0) == parts
    assert deal(units, 1) != parts
