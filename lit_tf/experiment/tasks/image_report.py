"""The part of a report that is about generators."""

from collections.abc import Mapping
from typing import Any

from lit_tf.utils import text_format


def lines(report: Mapping[str, Any]) -> list[str]:
    """Returns lines on generators, in Markdown; none if nothing was judged.

    Args:
        report: the report of a run.
    """
    if "judged" not in report:
        return []
    evaluated = report["judged"]
    roles = {r: report[r] for r in ("teacher", "student") if r in report}
    attributes = report["teacher"]["attributes"]
    rows = [("changed into", *roles)]
    for name in attributes:
        rates = (role["attributes"][name] for role in roles.values())
        rows.append((name, *(f"{rate:.2%}" for rate in rates)))
    note = (
        f"Evaluated on {evaluated['pictures']:,} images per generator: the "
        f"test split, with each of {len(attributes)} attributes changed "
        "in turn. A change succeeds when the teacher's discriminator "
        "finds the attribute that was asked for. In the original images "
        f"it finds {evaluated['discriminator_accuracy']:.2%} of the "
        "attributes correctly."
    )
    if "features" in evaluated:
        note += (
            " FID and Inception score use the features of "
            f"{evaluated['features']}; FID compares with "
            f"{evaluated['real_pictures']:,} training images. Compare them "
            "only with scores by the same network and the same numbers "
            "of images."
        )
    return [
        *_similarity(report),
        note,
        "",
        text_format.table(rows),
        "",
        "Below: a test image, then the image with each attribute changed "
        f"({', '.join(roles)}).",
        "",
        "![Samples](samples/test.png)",
    ]


def _similarity(report):
    if "student" not in report:
        return []
    similarity = report["student"]["likeness"]
    psnr = similarity["psnr"]
    psnr = "∞" if psnr is None else f"{psnr:.2f}"
    note = (
        "Student against teacher, image by image: L1 "
        f"{similarity['l1']:.4f}, PSNR {psnr} dB, SSIM "
        f"{similarity['ssim']:.4f}. "
        f"{_chosen(report['student'])} One seed "
        f"({report['settings']['seed']})."
    )
    return [note, ""]


def _chosen(student):
    """Returns sentences about the choice of the student that is exported."""
    last = student["last"]
    if student["exported"] == "last":
        return f"This is the last student, of phase {last['phase']}."
    best = student["best"]
    sentence = (
        f"This is the student of phase {best['phase']}, epoch {best['epoch']}, "
        "whose images of the validation split are closest to the teacher's "
        f"(1 − L1 is {best['validation_likeness']:.4f})."
    )
    if student.get("stopped"):
        sentence += (
            f" Phase {last['phase']} was stopped after epoch {last['epoch']}, "
            f"because it made the student worse "
            f"({last['validation_likeness']:.4f})."
        )
    return sentence
