import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.paths import ROOT

from landscape.support import only_writer

HOLDER = """
import pathlib, sys, time
sys.path.insert(0, {root!r})
from landscape.support import only_writer
with only_writer(pathlib.Path({path!r})):
    print("held", flush=True)
    time.sleep(100)
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


def hold_elsewhere(path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(root=str(ROOT), path=str(path))], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


@pytest.mark.parametrize("path", [Path("/"), Path(), Path("..")])
def test_a_folder_cannot_be_written_to(path):
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file"), only_writer(path):
        pass


def test_a_second_process_is_told_who_holds_the_file_until_the_first_is_killed(tmp_path):
    path = tmp_path / "F.h5"
    with hold_elsewhere(path) as child:
        message = f"F.h5 is being used by process {child.pid} on {platform.node()}: "
        with pytest.raises(BlockingIOError, match=message), only_writer(path):
            pass
        os.kill(child.pid, signal.SIGKILL)
    with only_writer(path):  # the file that the kill left behind locks nothing
        assert list(tmp_path.iterdir()) == [tmp_path / "F.h5.lock"]
    assert not list(tmp_path.iterdir())


def test_a_file_is_locked_in_its_own_process_too_and_others_are_not(tmp_path):
    with only_writer(tmp_path / "F.h5"):
        with pytest.raises(BlockingIOError, match=f"process {os.getpid()}"), only_writer(tmp_path / "F.h5"):
            pass
        with only_writer(tmp_path / "G.h5"):
            pass
        with pytest.raises(BlockingIOError), only_writer(tmp_path / "F.h5"):  # the failed attempt released nothing
            pass


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(KeyError), only_writer(tmp_path / "F.h5"):
        raise KeyError
    with only_writer(tmp_path / "F.h5"):
        pass


def test_never_two_holders_while_the_lock_file_comes_and_goes(tmp_path):
    inside, most, entries = 0, [], []

    def work():
        nonlocal inside
        for _ in range(300):
            try:
                with only_writer(tmp_path / "F.h5"):
                    inside += 1
                    most.append(inside)
                    entries.append(threading.get_ident())
                    inside -= 1
            except BlockingIOError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(entries) > 1


def test_a_folder_that_cannot_be_written_does_without(tmp_path, caplog, monkeypatch):
    def refuse(*args):
        raise PermissionError("no")

    monkeypatch.setattr(os, "open", refuse)
    with only_writer(tmp_path / "F.h5"):
        pass
    assert "F.h5 is not locked: no" in caplog.text
