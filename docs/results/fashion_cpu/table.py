"""Prints the table of `fashion_cpu` from the reports beside this file."""

import json
import pathlib
import statistics

HERE = pathlib.Path(__file__).parent
WAYS = {
    "lit": "LIT",
    "trained": "LIT, fine-tuned with a trained discriminator",
    "fixed": "LIT, fine-tuned with a fixed one",
    "scratch": "from scratch",
}


def spread(values, form):
    mean = f"{statistics.mean(values):{form}}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):{form}}"


def results(way, seed):
    """Returns what is said of a student, by its report or by lit-evaluate."""
    report = json.loads((HERE / f"{way}_seed{seed}.json").read_text())
    return report.get("student", report)


def main():
    report = json.loads((HERE / "lit_seed0.json").read_text())
    teacher, judged = report["teacher"], report["judged"]
    print(
        f"Teacher: {teacher['attribute_accuracy']:.1%} of changes succeed, FID "
        f"{teacher['fid']:.2f}, Inception score "
        f"{teacher['inception_score']:.2f}; {judged['pictures']:,} pictures, "
        f"{judged['real_pictures']:,} real ones, {judged['features']}.\n"
    )
    print(
        "| stargan10 | changes that succeed, % | FID | L1 to the teacher "
        "| SSIM |\n|---|---|---|---|---|"
    )
    for way, word in WAYS.items():
        count = len(list(HERE.glob(f"{way}_seed?.json")))
        one = [results(way, seed) for seed in range(count)]
        figures = [
            spread(
                [100 * student["attribute_accuracy"] for student in one], ".1f"
            ),
            spread([student["fid"] for student in one], ".2f"),
            *(
                spread([student["likeness"][name] for student in one], form)
                for name, form in (("l1", ".4f"), ("ssim", ".3f"))
            ),
        ]
        print(f"| {word}, n = {count} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
