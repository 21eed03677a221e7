"""The pages of a journal: on local disk in a file that grows, in an object store in a file each; kept alike."""

from __future__ import annotations

import os
import pathlib
import time
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


def test_to_drop_what_is_not_there_writes_nothing(tmp_path: pathlib.Path) -> None:
    """Each list is asked once for what is kept of it, and all is dropped that can't be."""
    pages = log_in(tmp_path / "log")
    pages.drop("list-0", 0)
    (file,) = (tmp_path / "log").iterdir()
    assert file.stat().st_size == 0


def test_many_threads_put_at_once(folder: Any) -> None:
    pages = pages_in(folder)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: pages.put(f"list-{number % 2}", number // 2, content(number // 2)), range(200)))
    for one in (pages, pages_in(folder)):
        assert kept(one, "list-0", 100) == kept(one, "list-1", 100) == list(range(100))


def test_nothing_is_there_once_another_run_took_the_folder_away(folder: Any, tmp_path: pathlib.Path) -> None:
    (tmp_path / "journal").mkdir()
    pages = pages_in(folder / "journal")
    pages.put("list-0", 0, content(0))
    for file in (tmp_path / "journal").iterdir():
        file.unlink()
    for is_there in (True, False):  # the folder: while it is removed a page may come
        if not is_there:
            (tmp_path / "journal").rmdir()
        with pytest.raises(FileNotFoundError):
            pages.get("list-0", 0)
        if isinstance(pages, PageLog):
            with pytest.raises(FileNotFoundError):
                pages.put("list-0", 1, content(1))
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
        assert pages.whole("list-0") == pages.count
        seen.add(pages.count)
        pages.put("list-0", 1, content(1))  # the next try goes on
        assert pages.get("list-0", 1) == content(1)
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("size", range(1, 30))
def test_what_follows_a_write_cut_short_is_read(tmp_path: pathlib.Path, size: int) -> None:
    """A disk that was full for a moment: the piece is no page, and swallows none."""
    pages = log_in(tmp_path / "log")
    pages.put("list-0", 0, content(0))
    (file,) = (tmp_path / "log").iterdir()
    with file.open("ab") as torn:
        torn.write((b"\nlist-0 1 25 " + content(1))[:size])
    pages.put("list-0", 2, content(2))
    for one in (pages, PageLog(tmp_path / "log")):
        assert kept(one, "list-0") == [0, 2]
        assert (one.count, one.whole("list-0")) == (2, 1)
    pages.drop("list-0", 0)
    assert PageLog(tmp_path / "log").count == 0


def test_lines_that_are_no_records_are_passed_over(tmp_path: pathlib.Path) -> None:
    """Whatever a power cut left in the file, the next try begins."""
    pages = log_in(tmp_path / "log")
    pages.put("list-0", 0, content(0))
    (file,) = (tmp_path / "log").iterdir()
    with file.open("ab") as damaged:
        damaged.write(
            b"\n\xa9 2026 4 Foo\n+49 1701234567 1 x\nlist-0 99999999 1 x\nlist-0 1 9 x\n\0\0\0\n" + b"\0" * 100
        )
    pages.put("list-0", 1, content(1))
    again = PageLog(tmp_path / "log")
    assert kept(again, "list-0") == [0, 1]
    assert again.count == 2


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


@pytest.mark.parametrize("turn", range(5))
def test_of_tries_that_begin_together_one_is_the_later(tmp_path: pathlib.Path, turn: int) -> None:
    (tmp_path / "log").mkdir()
    with ThreadPoolExecutor(8) as pool:
        tries = sorted(pool.map(lambda _: PageLog(tmp_path / "log"), range(8)), key=lambda one: one._number)
    for one in tries:
        one.put("list-0", 0, b"%d" % turn)
        one.put("list-0", 1, b"more")
    tries[-1].drop("list-0", 0)
    assert PageLog(tmp_path / "log").count == 0


def test_a_page_that_comes_late_is_kept_though_its_list_is_dropped_meanwhile(folder: Any) -> None:
    """Pages are asked ahead in threads: one may be noted while those before it are dropped, in the same place."""
    pages = pages_in(folder)
    for number in range(5):
        pages.put("list-0", number, content(number))
    held = vars(pages)["_places" if isinstance(pages, PageLog) else "_there"]
    before = held["list-0"]
    pages.drop("list-0", 0)
    assert held["list-0"] is before
    assert len(before) == 5, "a thread that just looked how long it is writes beyond its end"


def test_a_drop_that_cannot_be_written_counts_for_this_try(tmp_path: pathlib.Path) -> None:
    pages = log_in(tmp_path / "log")
    pages.put("list-0", 0, content(0))
    (file,) = (tmp_path / "log").iterdir()
    file.unlink()
    file.mkdir()  # root may write to any file
    pages.drop("list-0", 0)
    assert pages.get("list-0", 0) is None


def test_a_file_of_which_nothing_is_left_goes_once_its_try_is_over(tmp_path: pathlib.Path) -> None:
    first = log_in(tmp_path / "log")
    first.put("list-0", 0, content(0))
    first.put("other-0", 0, content(0))
    second = PageLog(tmp_path / "log")
    second.drop("list-0", 0)
    one, two = sorted((tmp_path / "log").iterdir())
    long_ago = time.time() - 2 * 3600
    os.utime(one, (long_ago, long_ago))
    os.utime(two, (long_ago, long_ago))
    for _ in range(2):
        assert PageLog(tmp_path / "log").count == 1
    assert one.exists(), "it has a page of another list"
    assert two.exists(), "it tells that the other page is gone"
    second.drop("other-0", 0)
    PageLog(tmp_path / "log")
    assert not one.exists()
    assert two.exists(), "it is not long ago that somebody wrote there"
    third = PageLog(tmp_path / "log")
    third.put("list-0", 0, content(0))
    assert kept(PageLog(tmp_path / "log"), "list-0") == [0], "numbers go on"


def test_a_file_that_another_wrote_anew_is_not_what_this_run_had(tmp_path: pathlib.Path) -> None:
    folder = ObjectStoragePath(f"file://{tmp_path}")
    first = PageFiles(folder)
    first.put("list-0", 0, content(0))
    PageFiles(folder).put("list-0", 0, b"newer")
    assert first.get("list-0", 0) is None
    first.put("list-0", 0, content(0) + b" ")
    assert first.get("list-0", 0) == content(0) + b" "
