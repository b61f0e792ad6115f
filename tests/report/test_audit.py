"""The paper's printed numbers against each other: exactly the misprints that are known, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from an_cli.plan import Published, read_counts, read_ledger
from an_cli.plan.ledger import TABLES
from an_cli.report.paper_audit import audit

ERRORS = [
    ("Table 1 row 1", "top-5 5.58, but 5.88 in Table 2 row 5"),
    ("Table 1 row 7", "25.76M parameters, but RSD(mean/std) + A2 + hsigmoid + K=(5,5,10,10) has 25,652,450, 25.65M"),
    ("Table 2 row 3", "top-1 gain 0.83 of ResNet-50-SN, but 22.43 - 21.59 is 0.84"),
    ("Table 2 row 6", "44.57M parameters, but ResNet-101-BN has 44,549,160, 44.55M"),
    ("Table 2 row 9", "3.56M parameters, but MobileNet-v2-AN (w/ BN) has 3,672,760, 3.67M"),
    ("Table 3 row 1", "25.56M parameters, but ResNet-50-BN has 25,576,264, 25.58M"),
    ("Table 3 row 2", "25.76M parameters, but ResNet-50-AN (w/ BN) has 25,774,652, 25.77M"),
    ("Table 3 row 4", "45.00M parameters, but ResNet-101-AN (w/ BN) has 45,019,876, 45.02M"),
    ("Table 3 row 4", "top-1 of ResNet-101-AN (w/ BN) is printed 18.850.86): a missing parenthesis"),
    ("Table 4 row 9", "65.15M parameters, but ResNet-101, AN (w/ BN) has 65,155,025, 65.16M"),
    ("Table 4 row 11", "mask AP gain 2.2 of ResNet-101, AN (w/ BN) + AN (w/ GN), but 38.8 - 36.8 is 2.0"),
]
Ledgers = dict[str, dict[str, Published]]


@pytest.fixture(scope="module")
def ledgers() -> Ledgers:
    return {name: read_ledger(name) for name in TABLES}


def test_the_audit_finds_the_known_misprints_and_nothing_else(ledgers: Ledgers) -> None:
    found = audit(ledgers, read_counts())
    assert [(one.where, one.what) for one in found if one.error] == ERRORS
    remarks = [one for one in found if not one.error]
    assert [one.where for one in remarks] == ["FLOPs column", "Table 4 row 1"]
    for said in ("4.09G (ResNet-50) is multiply", "8.12G (ResNet-101) is thop 0.0.22 of the deep stem", "by neither"):
        assert said in remarks[0].what
    assert "22.72M (MobileNet-v2, BN), 22.78M (MobileNet-v2, AN (w/ BN))" in remarks[1].what


def test_every_printed_row_is_in_the_ledger_with_its_source(ledgers: Ledgers) -> None:
    assert [len(rows) for rows in ledgers.values()] == [8, 13, 8, 17, 4]
    for number, rows in enumerate(ledgers.values(), start=1):
        assert [row.source for row in rows.values()] == [f"Table {number} row {row + 1}" for row in range(len(rows))]


@pytest.mark.parametrize(
    ("table", "key", "change", "said"),
    [
        ("table2", "aognet_12m_an", {"top1_error_pct": 21.29}, "gain 0.94"),
        ("table4", "aognet_40m_an", {"params_m": 60.98}, "60,968,029"),
        ("table5", "resnet101_an", {"gains": {"ap_m50": 2.1}}, "mask AP50 gain 2.1"),
        ("table3", "aognet_40m_an", {"printed": {"top1": "18.13(0.57"}}, "missing parenthesis"),
        ("table1", "best", {"top1_error_pct": 21.58}, "top-1 21.58, but 21.59 in Table 2 row 5"),
    ],
)
def test_a_misprint_of_each_kind_would_be_found(
    ledgers: Ledgers, table: str, key: str, change: dict[str, object], said: str
) -> None:
    changed = {**ledgers, table: {**ledgers[table], key: dataclasses.replace(ledgers[table][key], **change)}}
    more = [one.what for one in audit(changed, read_counts()) if one.error and (one.where, one.what) not in ERRORS]
    assert any(said in what for what in more), more


def test_the_exact_counts_are_those_that_the_networks_have() -> None:
    """`tests/golden/counts.json` is compared with the built networks by the models' own tests."""
    golden = json.dumps(json.loads((Path(__file__).parents[1] / "golden" / "counts.json").read_text()))
    counts = read_counts()
    for model in ("resnet50_bn", "resnet50_an", "resnet101_bn", "resnet101_an", "resnet50_an_k_half"):
        assert str(counts[model].params) in golden, model
