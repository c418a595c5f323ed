"""Report of a run: `report.md`, `.html` and `.json`, written and read."""

from collections.abc import Mapping
from typing import Any

from lit_tf import errors
from lit_tf.training import run_folder
from lit_tf.utils import atomic_files, json_files, web_page


def write(
    folder: run_folder.RunFolder, results: Mapping[str, Any], text: str
) -> dict[str, Any]:
    """Writes `report.md`, `.html` and `.json`, and prints the first.

    The JSON is written last: a run folder that holds it is finished.

    Args:
        folder: the run folder.
        results: the report.
        text: the report as Markdown.

    Returns:
        The report as read back from `report.json`.
    """
    folder.check()
    atomic_files.write_text(folder.report_text, text)
    page = web_page.page(text, folder.path)
    atomic_files.write_text(folder.report_page, page)
    atomic_files.write_json(folder.report, results)
    print(f"\n{text}\nWritten to {folder.path}/")
    return json_files.parse(folder.report.read_bytes())


def repeat(folder: run_folder.RunFolder) -> dict[str, Any]:
    """Prints and returns the report of a finished run.

    Raises:
        DataError: if a file of the report is missing or damaged.
    """
    try:
        text = folder.report_text.read_text(encoding="utf-8")
        results = json_files.parse(folder.report.read_bytes())
    except (OSError, ValueError):
        raise errors.DataError(
            f"The report in {folder.path} is damaged. Remove "
            f"{folder.report.name}; the same command then writes it again."
        ) from None
    print(f"{folder.path} is finished. Pass --overwrite to start again.\n")
    print(text)
    return results
