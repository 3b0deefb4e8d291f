"""``templates.dir`` while the gateway runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gateway import templates_watch
from gateway.delivery.wording import Wording, followed
from gateway.prepare import prepare_database
from gateway.settings import Settings
from gateway.storage import overview, template_sets, troubles
from gateway.storage.database import connect
from gateway.templates_watch import adopt
from notifiers.templates import TemplateError, Templates, example
from tests.unit.gateway.watched import running, until

TEXT = "Old title\nOld words"
NEW = "New title\nNew words"
BROKEN = "Title\n{{ device.nmae }}"
LOOP = "Title\n{% for a in range(900) %}{% for b in range(900) %}{% endfor %}{% endfor %}x"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    yield made
    made.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "templates"
    (made / "own").mkdir(parents=True)
    (made / "own" / "push.en.j2").write_text(TEXT)
    return made


def write(folder: Path, words: str, name: str = "own/push.en.j2") -> None:
    (folder / name).write_text(words)


def said(wording: Wording) -> str:
    return wording.templates.render("own", "push", "en", example("example", "en")).text


def refused(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return overview.refused_templates(connection)


def newest(engine: Engine) -> dict[str, str] | None:
    with engine.connect() as connection:
        found = template_sets.newest(connection)
    return None if found is None else found.files


def test_a_good_folder_is_the_set_that_holds(engine: Engine, folder: Path) -> None:
    first = adopt(engine, folder)
    assert (first.changed, first.problems, newest(engine)) == (True, (), {"own/push.en.j2": TEXT})
    assert first.version == Templates.load(folder).version
    assert not adopt(engine, folder).changed
    assert said(Wording(engine, None)) == "Old words", "the database has it, wherever the folder is"


@pytest.mark.parametrize("how", [BROKEN, LOOP, "only a title", "{% if %}"])
def test_a_broken_folder_is_refused_whole_and_says_where_to_mend_it(engine: Engine, folder: Path, how: str) -> None:
    adopt(engine, folder)
    wording = Wording(engine, folder)
    write(folder, NEW)
    write(folder, how, "own/push.ja.j2")
    found = adopt(engine, folder)
    assert (found.version, found.held) == (None, True)
    assert not wording.refresh()
    assert said(wording) == said(Wording(engine, folder)) == "Old words", "also after a start of the process"
    assert (refused(engine) or "").startswith(str(folder / "own" / "push.ja.j2"))
    assert (refused(engine) or "").endswith("the texts before still hold")
    (folder / "own" / "push.ja.j2").unlink()
    assert adopt(engine, folder).changed
    assert wording.refresh()
    assert said(wording) == "New words"
    assert refused(engine) is None


def test_a_broken_brand_changes_no_text_either(engine: Engine, folder: Path) -> None:
    adopt(engine, folder)
    write(folder, NEW)
    write(folder, '[brand]\nnam = "Mizu"', "brand.toml")
    assert str(adopt(engine, folder).problems[0]).startswith(f"{folder}/brand.toml:2: brand.nam:")
    assert newest(engine) == {"own/push.en.j2": TEXT}
    write(folder, '[brand]\nname = "Mizu"', "brand.toml")
    assert adopt(engine, folder).changed
    shown = Wording(engine, folder).templates.render("alert", "sms", "en", example("example", "en")).text
    assert shown.startswith("Mizu: ")


def test_a_refusal_is_a_trouble_that_the_operations_team_is_told_of(engine: Engine, folder: Path) -> None:
    adopt(engine, folder)
    write(folder, BROKEN)
    adopt(engine, folder)
    with engine.connect() as connection:
        now = overview.read(connection)
        found = troubles.find(connection, now.read_at, dead_letters=1)
    assert "own/push.en.j2:2: 'device' has no 'nmae'" in found["templates"]
    assert now.refused_templates is not None


def test_a_first_folder_with_a_fault_holds_as_far_as_it_goes(engine: Engine, folder: Path) -> None:
    adopt(engine, None)
    write(folder, BROKEN, "own/push.ja.j2")
    adopted = adopt(engine, folder)
    assert (adopted.changed, len(adopted.problems), adopted.held) == (True, 1, False)
    assert said(Wording(engine, folder)) == "Old words"
    assert (refused(engine) or "").endswith("; the plain text goes out where one can't be used")
    assert not adopt(engine, folder).changed
    write(folder, NEW)
    assert not adopt(engine, folder).changed, "from now on it is the whole or nothing"
    (folder / "own" / "push.ja.j2").unlink()
    assert adopt(engine, folder).changed
    assert refused(engine) is None


@pytest.mark.parametrize("held", [True, False])
def test_a_folder_that_is_gone_keeps_the_old_texts_and_stops_a_first_start(
    engine: Engine, folder: Path, held: bool
) -> None:
    settings = Settings.model_validate({"templates": {"dir": folder}})
    if held:
        prepare_database(engine, settings)
    (folder / "own" / "push.en.j2").unlink()
    (folder / "own").rmdir()
    folder.rmdir()
    if not held:
        with pytest.raises(TemplateError, match="is not a folder; create it"):
            prepare_database(engine, settings)
        return
    prepare_database(engine, settings)
    assert newest(engine) == {"own/push.en.j2": TEXT}
    assert "is not a folder" in (refused(engine) or "")


def test_without_the_setting_the_shipped_texts_hold_again(engine: Engine, folder: Path) -> None:
    prepare_database(engine, Settings.model_validate({"templates": {"dir": folder}}))
    write(folder, BROKEN)
    adopt(engine, folder)
    prepare_database(engine, Settings())
    assert set(Wording(engine, None).known()) == set(Templates.load().names())
    assert refused(engine) is None


def test_an_older_set_that_comes_back_holds_and_only_the_last_ones_are_kept(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_sets, "KEPT", 2)
    for words in (TEXT, NEW, TEXT, "A third\none"):
        write(folder, words)
        assert adopt(engine, folder).changed
        assert newest(engine) == {"own/push.en.j2": words}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM template_sets")).scalar_one() == 2


def test_what_editors_and_mounts_put_there_is_no_change(folder: Path) -> None:
    before = templates_watch.traces(folder)
    for name in ("own/.push.en.j2.swp", "own/.#push.en.j2", "own/push.en.j2~", ".git/x.j2", "..data/own.j2", "note.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        write(folder, BROKEN, name)
    assert templates_watch.traces(folder) == before
    assert Templates.load(folder).check() == []


async def test_a_change_holds_in_a_process_that_follows_through_mistakes_mends_and_a_lost_database(
    engine: Engine, folder: Path
) -> None:
    adopt(engine, folder)
    with followed(Wording(engine, folder)) as wording:
        async with running(templates_watch.watch(engine, folder)):
            write(folder, NEW)
            await until(lambda: said(wording) == "New words")
            write(folder, BROKEN)
            await until(lambda: refused(engine) is not None)
            assert said(wording) == "New words"
            with engine.begin() as connection:
                connection.execute(text("ALTER TABLE template_sets RENAME TO elsewhere"))
            write(folder, "Last\nLast words")
            await asyncio.sleep(1.5)
            with engine.begin() as connection:
                connection.execute(text("ALTER TABLE elsewhere RENAME TO template_sets"))
            await until(lambda: said(wording) == "Last words")
            assert refused(engine) is None


def test_what_follows_ends_with_its_block(engine: Engine) -> None:
    with followed(Wording(engine, None)):
        assert [each for each in threading.enumerate() if each.name == "wording"]
    assert not [each for each in threading.enumerate() if each.name == "wording"]
