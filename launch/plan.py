"""lit-plan: shows where a model can be cut, and what compressions leave."""

import shlex

from lit_tf.flags import options, parse
from lit_tf.launch import command


def _plan(line):
    del line
    flags = parse.from_flags(options.Plan)
    model = command.load("experiment.model_paths").load_teacher(flags.model)
    plan = command.load("sections.plan").plan_in_use(
        model, flags.sections or None
    )
    print(plan)
    if plan.sectioned:
        chosen = f" --sections={flags.sections}" if flags.sections else ""
        print(
            f"\n{plan.students()}\n\n"
            f"Next: lit-compress {shlex.quote(flags.model)} DATA{chosen} with "
            "one of these flags, where DATA is the path of your data."
        )


def main():
    """Runs the command."""
    command.run(_plan, "lit-plan")


if __name__ == "__main__":
    main()
