import json

import pytest

from services.chassis.reread import RereadFile


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def reread(file):
    return RereadFile(file)


def test_a_file_is_news_once(file, reread):
    assert reread.news(json.loads) is None
    file.write_text('{"a": 1}')
    assert reread.news(json.loads) == {"a": 1}
    assert reread.news(json.loads) is None
    file.write_text('{"a": 22}')
    assert reread.news(json.loads) == {"a": 22}


def test_a_file_caught_half_written_is_read_when_it_is_whole(file, reread):
    file.write_text('{"a"')
    assert reread.news(json.loads) is None
    file.write_text('{"a": 1}')
    assert reread.news(json.loads) == {"a": 1}


def test_a_file_taken_away_is_no_news(file, reread):
    file.write_text("1")
    assert reread.news(json.loads) == 1
    file.unlink()
    assert reread.news(json.loads) is None
