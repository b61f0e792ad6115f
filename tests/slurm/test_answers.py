"""What SLURM prints is read strictly: banners passed over, rubbish believed by nobody."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from an_cli.environment import without_slurm
from an_cli.launch.slurm.intent import job_name, token_of
from an_cli.launch.slurm.limits import read_config
from an_cli.launch.slurm.observe import QueueRow, read_accounts, read_queue
from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.launch.slurm.submit import read_job
from an_cli.worker.job import seconds

TOKEN = "0123456789ab"


def test_the_queue_is_read_by_token() -> None:
    text = f"Welcome!\n12|3|demo.{TOKEN}|PENDING||N/A|Resources\n13|N/A|other|RUNNING|n0|x|None\n"
    assert read_queue(text) == {(TOKEN, 3): QueueRow(job="12_3", state="PENDING", reason="Resources")}


def test_of_two_accounts_of_one_job_the_later_counts() -> None:
    lines = [
        f"12_0|demo.{TOKEN}|{state}|0:0|2026-01-0{day}T00:00:00|n0" for state, day in (("FAILED", 1), ("RUNNING", 2))
    ]
    for text in ("\n".join(lines), "\n".join(reversed(lines))):
        assert read_accounts(text) == {(TOKEN, 0): QueueRow(job="12_0", state="RUNNING", node="n0", exit="0:0")}


@pytest.mark.parametrize("text", ["slurm_load_jobs error", "1|2|3", "{}", "\x00|"])
def test_a_text_without_a_row_is_no_answer(text: str) -> None:
    assert read_queue(text) is None
    assert read_accounts(text) is None
    assert read_queue("") == read_accounts("\n") == {}


@given(st.text())
@example("\u00b2")  # a digit to Python that is no number
def test_no_text_breaks_a_reader(text: str) -> None:
    read_queue(text)
    read_accounts(text)
    assert read_config(text).max_array >= 1
    read_job(CommandResult(0, text))
    token_of(text)
    seconds(text)


@pytest.mark.parametrize(
    ("said", "job"),
    [
        (CommandResult(0, "123\n"), "123"),
        (CommandResult(0, "123;cluster\n"), "123"),
        (CommandResult(0, "Welcome to the cluster, 2026!\n123\nBye\n"), "123"),
        (CommandResult(0, ""), None),
        (CommandResult(1, "123\n", "error"), None),
        (CommandResult(0, "Submitted batch job 123\n"), None),
    ],
)
def test_the_id_is_found_in_what_sbatch_prints(said: CommandResult, job: str | None) -> None:
    assert read_job(said) == job


def test_a_job_name_carries_its_token_whatever_the_study_is_called() -> None:
    for study in ("demo", "a.b/c d|e", "x" * 300, ""):
        name = job_name(study, TOKEN)
        assert token_of(name) == TOKEN
        assert "|" not in name
        assert len(name) < 64


def test_max_array_size_is_a_cap_on_the_index() -> None:
    assert (
        read_config("MaxArraySize            = 6\nAccountingStorageType   = accounting_storage/none\n").max_array == 6
    )
    assert not read_config("AccountingStorageType = accounting_storage/none").accounting
    assert read_config("").accounting
    assert not read_config("").answered


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:59", 59),
        ("1:00:00", 3600),
        ("2-00:00:01", 172801),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("-1:00", None),
        ("", None),
    ],
)
def test_a_time_is_read_as_slurm_writes_it(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


def test_what_an_allocation_has_set_is_not_handed_on() -> None:
    leaked = {
        "SLURM_JOB_ID": "1",
        "SLURM_CPU_BIND": "x",
        "SBATCH_PARTITION": "p",
        "PMI_RANK": "0",
        "SLURMD_NODENAME": "n",
    }
    kept = {"SLURM_CONF": "/etc/slurm.conf", "PATH": "/bin", "WANDB_API_KEY": "k"}
    assert without_slurm({**leaked, **kept}) == kept
