"""Everything is killed and stopped while experiments run, and the broker loses all its data: all of them end right."""

from pathlib import Path

import pytest

from tests.chaos.faults import Budget
from tests.chaos.storm import storm


@pytest.mark.timeout(1200)
def test_sixty_experiments_survive_a_hundred_and_fifty_faults_and_the_loss_of_the_broker(tmp_path: Path) -> None:
    found = storm(tmp_path, experiments=60, budget=Budget(faults=150, wipes=1, pause=0.8), seed=1)
    assert found.made["broker wiped"] == 1
    assert sum(found.made.values()) == 151
    assert found.violations == []
    assert found.stuck == []
    assert found.completed == 60
