"""Looks back on the whole run, whatever of it there was: tests/e2e/conftest.py has it run last."""

import pytest

from tests.e2e.leaks import codes_in, keys, messages, report_macs, search
from tests.e2e.talking import a_number, start
from tests.e2e.vendors import Vendors
from tests.figures import Figure
from tests.local.deploy import PARAMETERS
from tests.local.stack import Stack, handed_out


@pytest.mark.soak
def test_no_secret_of_the_whole_run_is_in_any_log_or_metric(
    stack: Stack, all_vendors: Vendors, figure: Figure
) -> None:
    start(stack, a_number())  # so that there is something, when nothing else ran
    sent = list(messages(stack, all_vendors))
    secrets = {
        "codes": {code for _, text in sent for code in codes_in(text)},
        # What was shown masked was tried as an address, too: it is its own mask.
        "destinations": {to.removeprefix("+") for to, _ in sent if "***" not in to},
        "secrets, seeds, cookies": handed_out,
        "report MACs": set(report_macs(all_vendors)),
        "keys of the stack": {PARAMETERS["TestCode"], *keys(stack)},
    }
    print({kind: len(found) for kind, found in secrets.items()})
    assert all(secrets[kind] for kind in secrets if kind != "report MACs")
    every = set().union(*secrets.values())
    records = search(stack, every)
    figure("secrets in logs", f"0 of {len(every)}, in {len(records)} lines of ours")
    assert any("_aws" in record for record in records)
