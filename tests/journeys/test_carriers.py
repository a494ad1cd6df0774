"""The trial of `renrakumo bench carriers` with small numbers: a real worker, stand-in carriers."""

from __future__ import annotations

import pytest

from commands.bench.carriers import measure_carriers


@pytest.mark.timeout(120)
def test_carriers_slow_and_angry_get_their_pace_and_every_family_its_message() -> None:
    found = measure_carriers(per_second=40, seconds=2)
    assert found.is_clean, "\n".join(found.faults)
    # That it was clean means nothing where nothing happened.
    assert found.anger is not None
    assert all(each.complaints for each in found.anger.lanes)
    assert found.anger.stop.held_back
    assert found.audits["anger"].doubled
    assert found.audits["forecast"].old
