"""The pages of a journal: on local disk in a file that grows, in an object store in a file each; kept alike."""

from __future__ import annotations

import pathlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_livestorm.sync.pages import PageFiles, PageLog, Pages, pages_in


@pytest.fixture(params=["disk", "store"])
def folder(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Any:
    return tmp_path if request.param == "disk" else ObjectStoragePath(f"file://{tmp_path}")


def content(number: int) -> bytes:
    return b'{"page": "%d of some words"}' % number


def kept(pages: Pages, name: str, most: int = 10) -> list[int]:
    """The numbers of pages that are there, each of which is what was put."""
    return [number for number in range(most) if pages.get(name, number) == content(number)]


def test_local_disk_has_one_file_for_a_try_and_a_store_one_for_a_page(folder: Any, tmp_path: pathlib.Path) -> None:
    pages = pages_in(folder)
    for number in range(3):
        pages.put("list-0", number, content(number))
    assert isinstance(pages, PageLog if isinstance(folder, pathlib.Path) else PageFiles)
    assert len(list(tmp_path.iterdir())) == (1 if isinstance(folder, pathlib.Path) else 3)


def test_what_was_put_is_there_for_this_try_and_the_next(folder: Any) -> None:
    pages = pages_in(folder)
    for number in (0, 1, 4):  # some were asked ahead
        pages.put("list-0", number, content(number))
    pages.put("other-0", 0, content(0))
    for one in (pages, pages_in(folder)):
        assert one.count == 4
        assert kept(one, "list-0") == [0, 1, 4]
        assert (one.whole("list-0"), one.whole("other-0"), one.whole("unknown-0")) == (2, 1, 0)


def test_a_page_that_is_put_again_is_the_newer_one(folder: Any) -> None:
    pages_in(folder).put("list-0", 0, b"old")
    pages = pages_in(folder)
    pages.put("list-0", 0, content(0))
    assert kept(pages, "list-0") == kept(pages_in(folder), "list-0") == [0]


def test_what_is_dropped_is_gone_for_good_and_may_come_again(folder: Any) -> None:
    first = pages_in(folder)
    for number in range(5):
        first.put("list-0", number, content(number))
        first.put("other-0", number, content(number))
    second = pages_in(folder)
    second.drop("list-0", 2)
    for one in (second, pages_in(folder)):
        assert kept(one, "list-0") == [0, 1]
        assert kept(one, "other-0") == [0, 1, 2, 3, 4]
    second.put("list-0", 3, content(3))
    assert kept(pages_in(folder), "list-0") == [0, 1, 3]


def test_many_threads_put_at_once(folder: Any) -> None:
    pages = pages_in(folder)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: pages.put(f"list-{number % 2}", number // 2, content(number // 2)), range(200)))
    for one in (pages, pages_in(folder)):
        assert kept(one, "list-0", 100) == kept(one, "list-1", 100) == list(range(100))


def test_nothing_is_there_once_another_run_took_the_folder_away(folder: Any, tmp_path: pathlib.Path) -> None:
    pages = pages_in(folder / "journal") if isinstance(folder, ObjectStoragePath) else log_in(tmp_path / "journal")
    (tmp_path / "journal").mkdir(exist_ok=True)
    pages.put("list-0", 0, content(0))
    for file in (tmp_path / "journal").iterdir():
        file.unlink()
    (tmp_path / "journal").rmdir()
    if isinstance(pages, PageLog):
        with pytest.raises(FileNotFoundError):
            pages.get("list-0", 0)
    else:
        assert pages.get("list-0", 0) is None
    pages.drop("list-0", 0)
    with pytest.raises(FileNotFoundError):
        pages.put("list-0", 1, content(1))


def log_in(folder: pathlib.Path) -> PageLog:
    folder.mkdir()
    return PageLog(folder)


def test_of_a_file_that_ends_anywhere_no_page_is_taken_for_what_it_is_not(tmp_path: pathlib.Path) -> None:
    """As a full disk, or a process killed within a write, may leave it."""
    whole = log_in(tmp_path / "whole")
    for number in range(3):
        whole.put("list-0", number, content(number))
    whole.drop("list-0", 2)
    (file,) = (tmp_path / "whole").iterdir()
    written, seen = file.read_bytes(), set()
    for size in range(len(written) + 1):
        cut = tmp_path / str(size)
        cut.mkdir()
        (cut / file.name).write_bytes(written[:size])
        pages = PageLog(cut)
        found = [pages.get("list-0", number) for number in range(3)]
        assert found == [content(number) if one else None for number, one in enumerate(found)]
        seen.add(pages.whole("list-0"))
        pages.put("list-0", 1, content(1))  # the next try goes on
        assert pages.get("list-0", 1) == content(1)
    assert seen == {0, 1, 2, 3}


def test_what_follows_a_write_cut_short_is_read(tmp_path: pathlib.Path) -> None:
    """A disk that was full for a moment: the piece is no page, and swallows none."""
    pages = log_in(tmp_path / "log")
    pages.put("list-0", 0, content(0))
    (file,) = (tmp_path / "log").iterdir()
    with file.open("ab") as torn:
        torn.write(b"\nlist-0 1 " + content(1)[:5])
    pages.put("list-0", 2, content(2))
    pages.drop("other-0", 0)
    for one in (pages, PageLog(tmp_path / "log")):
        assert kept(one, "list-0") == [0, 2]


def test_a_try_does_not_take_what_one_that_still_lives_writes_meanwhile(tmp_path: pathlib.Path) -> None:
    first = log_in(tmp_path / "log")
    first.put("list-0", 0, content(0))
    second = PageLog(tmp_path / "log")
    first.put("list-0", 0, b"newer")
    first.put("list-0", 1, content(1))
    assert kept(second, "list-0") == [0]
    second.drop("list-0", 0)
    second.put("list-0", 0, content(0))
    assert kept(PageLog(tmp_path / "log"), "list-0") == [0], "the later try dropped what the earlier one had"


def test_a_file_that_another_wrote_anew_is_not_what_this_run_had(tmp_path: pathlib.Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    first = PageFiles(folder)
    first.put("list-0", 0, content(0))
    PageFiles(folder).put("list-0", 0, b"newer")
    assert first.get("list-0", 0) is None
