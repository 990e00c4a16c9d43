"""What the last full `make parity` measured, as the README and the results show it."""

from __future__ import annotations

from dataclasses import replace

from parity import report


def test_the_readme_and_the_table_show_what_the_last_full_run_measured() -> None:
    about, rows = report.saved()
    assert (report.RESULTS / "parity.md").read_text() == report.markdown(about, rows)
    readme = report.README.read_text()
    assert report.with_section(readme, report.readme_section(about, rows)) == readme


def test_the_last_full_run_was_full() -> None:
    about, _rows = report.saved()
    assert about["minutes"] >= 60
    assert {"demo", "tiny", "tiny.en", "base", "base.en"} <= set(about["models"])


def test_the_readme_counts_every_promise_that_the_last_full_run_broke() -> None:
    _about, rows = report.saved()
    promised = [row for row in rows if row.verdict != "told"]
    held = sum(row.verdict == "held" for row in promised)
    assert f"\n{held} of {len(promised)} promises held." in report.README.read_text()


def test_the_readmes_line_of_a_broken_promise_says_so() -> None:
    about, rows = report.saved()
    spoilt = [replace(rows[0], verdict="broken", measured="3 of 4"), *rows[1:]]
    assert "3 of 4" in report.readme_section(about, spoilt)
