import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.embedded.data_dir import DataDir, holder
from gateway.embedded.errors import EmbeddedError


def test_the_folder_is_made_and_closed_to_others(tmp_path: Path) -> None:
    with DataDir(tmp_path / "deep" / "data") as data_dir:
        mode = stat.S_IMODE(data_dir.path.stat().st_mode)
        assert mode & 0o066 == 0
        assert stat.S_IMODE(data_dir.log.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir.path / "lock").stat().st_mode) == 0o600


def test_a_look_at_the_holder_keeps_nobody_from_starting(tmp_path: Path) -> None:
    stop = threading.Event()
    (tmp_path / "lock").touch()

    def look() -> None:
        while not stop.is_set():
            holder(tmp_path)
            time.sleep(0.001)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            with DataDir(tmp_path):
                assert holder(tmp_path) == os.getpid()
    finally:
        stop.set()
        looking.join()


def test_a_second_one_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data") as first:
        with pytest.raises(EmbeddedError) as caught:
            DataDir(first.path).lock()
        expected = f"data folder {first.path} is in use by another Kizashi (pid {os.getpid()}); stop it or set data_dir"
        assert str(caught.value) == expected
        assert holder(first.path) == os.getpid()


def test_an_unlocked_folder_is_free_again(tmp_path: Path) -> None:
    for _ in range(2):
        with DataDir(tmp_path / "data"):
            pass
    assert holder(tmp_path / "data") is None


def test_the_lock_goes_with_a_process_that_dies_hard(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from gateway.embedded.data_dir import DataDir;"
        "DataDir(pathlib.Path(sys.argv[1])).lock(); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path / "data")], check=False)
    assert died.returncode == -9
    assert holder(tmp_path / "data") is None
    with DataDir(tmp_path / "data"):
        assert holder(tmp_path / "data") == os.getpid()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_way_is_named_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="is not a folder; set data_dir") as caught:
        DataDir(tmp_path / place).lock()
    assert str(tmp_path / place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_place_where_nobody_can_write_is_named_in_one_line() -> None:
    with pytest.raises(EmbeddedError, match=r"data folder /proc/kizashi can't be written \(.+\); .* set data_dir"):
        DataDir(Path("/proc/kizashi")).lock()


def test_nothing_is_left_of_the_write_test(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data") as data_dir:
        assert sorted(entry.name for entry in data_dir.path.iterdir()) == ["lock", "log", "run"]
