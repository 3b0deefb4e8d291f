"""``rules.dir`` while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from devices.event import Event, RulesChanged, Telemetry
from gateway import rules_watch
from gateway.folder_watch import QUIET_SECONDS, Settling, Trace
from gateway.prepare import prepare_database
from gateway.rules_dir import NoRulesError
from gateway.rules_watch import adopt
from gateway.settings import Settings
from gateway.storage import overview, rule_folders, rule_sets
from gateway.storage.database import connect
from rules.decision import Position
from rules.problem import RuleErrors
from tests.unit.gateway.watched import running, until
from tests.unit.rules.story import inquire

TEMPLATES = frozenset({"alert"})
RULE = "rules:\n  - id: warm\n    when: {metric: t, above: 8}\n    purpose: maintenance\n"
OTHER = RULE.replace("8", "9")
BROKEN = RULE.replace("above", "abvoe")


def seen(*stamps: int) -> frozenset[Trace]:
    return frozenset(Trace(f"{number}.yaml", stamp, 1, number) for number, stamp in enumerate(stamps))


def test_a_change_counts_once_nobody_has_touched_it_for_a_while() -> None:
    settling = Settling(seen(1))
    assert not settling.see(seen(1), 100.0)
    assert not settling.see(seen(2), 100.1)
    assert settling.moving
    assert not settling.see(seen(2, 1), 100.3)
    assert not settling.see(seen(2, 1), 100.5)
    assert settling.see(seen(2, 1), 100.7)
    assert not settling.see(seen(2, 1), 101.0)


def test_a_change_that_is_taken_back_at_once_is_none() -> None:
    settling = Settling(seen(1))
    assert not settling.see(seen(2), 1.0)
    assert not settling.see(seen(1), 1.1)
    assert not settling.moving
    assert not settling.see(seen(1), 9.0)


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.integers(1, 3)), max_size=40))
def test_what_is_used_is_always_what_was_quiet_and_the_last_word_is_always_used(
    looks: list[tuple[float, int]],
) -> None:
    settling, now, used, history = Settling(seen(0)), 0.0, 0, [(0.0, 0)]
    for pause, stamp in looks:
        now += pause
        history.append((now, stamp))
        if settling.see(seen(stamp), now):
            used = stamp
            recent = [each for at, each in history if at > now - QUIET_SECONDS]
            assert set(recent) == {stamp}
    last = history[-1][1]
    if settling.see(seen(last), now + 1.0):
        used = last
    assert used == last


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    yield made
    made.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    (made / "a.yaml").write_text(RULE)
    return made


def newest(engine: Engine) -> dict[str, str] | None:
    with engine.connect() as connection:
        found = rule_sets.newest(connection)
    return None if found is None else found.files


def refused(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return overview.refused_rules(connection)


def put_by_api(engine: Engine, text_of_rules: str) -> None:
    with engine.begin() as connection:
        rule_sets.put(connection, {"rules.yaml": text_of_rules})


def test_a_good_folder_is_the_set_that_holds(engine: Engine, folder: Path) -> None:
    first = adopt(engine, folder, TEMPLATES, saved=False)
    assert (first.changed, first.problems, newest(engine)) == (True, (), {"a.yaml": RULE})
    assert not adopt(engine, folder, TEMPLATES, saved=True).changed


def test_a_broken_folder_changes_nothing_and_says_where_to_mend_it(engine: Engine, folder: Path) -> None:
    adopt(engine, folder, TEMPLATES, saved=False)
    (folder / "b.yaml").write_text(BROKEN.replace("warm", "warmer"))
    found = adopt(engine, folder, TEMPLATES, saved=True)
    assert found.version is None
    assert found.held
    assert newest(engine) == {"a.yaml": RULE}
    assert (refused(engine) or "").startswith("b.yaml:3:")
    assert "above" in (refused(engine) or "")
    (folder / "b.yaml").unlink()
    assert adopt(engine, folder, TEMPLATES, saved=True).problems == ()
    assert refused(engine) is None


def test_an_unknown_template_is_a_problem_too(engine: Engine, folder: Path) -> None:
    (folder / "a.yaml").write_text(RULE + "    then: {notify: {template: alrt}}\n")
    assert "alert" in str(adopt(engine, folder, TEMPLATES, saved=True).problems[0])


def test_a_pattern_that_would_backtrack_for_ever_neither_hangs_the_watch_nor_the_rules(
    engine: Engine, folder: Path
) -> None:
    adopt(engine, folder, TEMPLATES, saved=False)
    greedy = RULE.replace("above: 8", "matches: '(a+)+b'")
    (folder / "a.yaml").write_text(greedy)
    assert adopt(engine, folder, TEMPLATES, saved=True).changed
    told: list[Event] = [RulesChanged(1, "v", {"a.yaml": greedy}), Telemetry("d", 2, 2, {"t": "a" * 100_000})]
    assert inquire([(Position(1, 0), event) for event in told], "warm", "d", 3).verdict == "false"
    (folder / "a.yaml").write_text(RULE.replace("above: 8", "matches: '(?=a)b'"))
    refusal = adopt(engine, folder, TEMPLATES, saved=True)
    assert (refusal.problems[0].file, refusal.problems[0].line) == ("a.yaml", 3)
    assert newest(engine) == {"a.yaml": greedy}


def test_a_file_of_nothing_but_brackets_is_refused_with_its_line(engine: Engine, folder: Path) -> None:
    adopt(engine, folder, TEMPLATES, saved=False)
    (folder / "a.yaml").write_text("rules: " + "[" * 50_000)
    assert adopt(engine, folder, TEMPLATES, saved=True).problems[0].line == 1
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghijklm"))
    (folder / "a.yaml").write_text(bomb)
    assert adopt(engine, folder, TEMPLATES, saved=True).problems
    assert newest(engine) == {"a.yaml": RULE}


def test_what_is_probably_not_meant_is_used_and_told(engine: Engine, folder: Path) -> None:
    profile = "profiles:\n  - id: chiller\n    metrics: {temperature: {unit: °C}}\n"
    (folder / "a.yaml").write_text(profile + RULE.replace("t, above", "temprature, above"))
    adopted = adopt(engine, folder, TEMPLATES, saved=True)
    assert adopted.changed
    assert "temperature" in str(adopted.warnings[0])


@pytest.mark.parametrize("how", ["emptied", "removed"])
def test_a_folder_that_is_gone_keeps_the_old_rules(how: str, engine: Engine, folder: Path) -> None:
    adopt(engine, folder, TEMPLATES, saved=False)
    (folder / "a.yaml").unlink()
    if how == "removed":
        folder.rmdir()
    assert adopt(engine, folder, TEMPLATES, saved=True).held
    assert newest(engine) == {"a.yaml": RULE}
    assert str(folder) in (refused(engine) or "")


def test_the_newest_wins_between_the_folder_and_the_api(engine: Engine, folder: Path) -> None:
    adopt(engine, folder, TEMPLATES, saved=False)
    put_by_api(engine, OTHER)
    adopt(engine, folder, TEMPLATES, saved=False)
    assert newest(engine) == {"rules.yaml": OTHER}, "a restart is no change of the folder"
    adopt(engine, folder, TEMPLATES, saved=True)
    assert newest(engine) == {"a.yaml": RULE}, "saving a file is, whatever it says"
    put_by_api(engine, OTHER)
    (folder / "a.yaml").write_text(RULE.replace("8", "10"))
    adopt(engine, folder, TEMPLATES, saved=False)
    assert newest(engine) == {"a.yaml": RULE.replace("8", "10")}, "it was changed while we were down"


def test_a_new_comment_is_kept_but_is_no_new_version(engine: Engine, folder: Path) -> None:
    version = adopt(engine, folder, TEMPLATES, saved=False).version
    (folder / "a.yaml").write_text("# why\n" + RULE)
    again = adopt(engine, folder, TEMPLATES, saved=True)
    assert (again.version, again.changed) == (version, False)
    assert newest(engine) == {"a.yaml": "# why\n" + RULE}


def settings_with(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KIZASHI_RULES__DIR", str(folder))
    return Settings()


def test_a_start_with_a_broken_folder_goes_on_with_the_rules_before(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(folder, monkeypatch)
    prepare_database(engine, settings)
    (folder / "a.yaml").write_text(BROKEN)
    adopted = prepare_database(engine, settings)
    assert adopted is not None
    assert adopted.problems
    assert newest(engine) == {"a.yaml": RULE}


@pytest.mark.parametrize(("content", "error"), [(BROKEN, RuleErrors), (None, NoRulesError)])
def test_a_first_start_with_a_broken_folder_is_refused(
    content: str | None, error: type[Exception], engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.yaml").unlink()
    if content is not None:
        (folder / "a.yaml").write_text(content)
    with pytest.raises(error):
        prepare_database(engine, settings_with(folder, monkeypatch))
    assert newest(engine) is None


async def test_the_watch_follows_the_files_through_changes_mistakes_and_mends(engine: Engine, folder: Path) -> None:
    async with running(rules_watch.watch(engine, folder, lambda: TEMPLATES)):
        await until(lambda: newest(engine) == {"a.yaml": RULE})
        (folder / "a.yaml").write_text(BROKEN)
        await until(lambda: refused(engine) is not None)
        assert newest(engine) == {"a.yaml": RULE}
        (folder / "a.yaml").write_text(OTHER)
        await until(lambda: newest(engine) == {"a.yaml": OTHER})
        assert refused(engine) is None


async def test_a_change_that_came_while_the_database_was_away_is_taken_over_afterwards(
    engine: Engine, folder: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE rule_folders RENAME TO elsewhere"))
    async with running(rules_watch.watch(engine, folder, lambda: TEMPLATES)):
        await asyncio.sleep(0.3)
        assert newest(engine) is None
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO rule_folders"))
        await until(lambda: newest(engine) == {"a.yaml": RULE})


def test_the_folder_is_shown_where_rules_never_came_from_one(engine: Engine) -> None:
    with engine.connect() as connection:
        assert rule_folders.get(connection) is None
        assert overview.read(connection).refused_rules is None
