"""A decision: what was detected where a source could be read in more than one way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """What was chosen, the evidence, the next best choice, and the option that chooses otherwise.

    Every command that reads a source shows its decisions, so each part is a phrase for the user, without a full stop.
    """

    subject: str
    """What was decided: `format`, `encoding`, `delimiter`, `header`, `text column`, `label column`, `entities`, ..."""
    chosen: str
    why: str
    runner_up: str = ""
    """The next best choice and its evidence; empty if nothing else fits."""
    option: str = ""
    """The option of the command line that overrides the decision, such as `--delimiter`."""
    guessed: bool = False
    """Whether the evidence is weak: the user should look at the result."""

    @property
    def message(self) -> str:
        """The decision in one line.

        >>> Decision("header", "none", "line 1 looks like data", option="--no-header").message
        'header: none (line 1 looks like data); change with --no-header'
        """
        guessed = " (guessed)" if self.guessed else ""
        parts = [f"{self.subject}: {self.chosen}{guessed} ({self.why})"]
        parts += [f"runner-up: {self.runner_up}"] if self.runner_up else []
        parts += [f"change with {self.option}"] if self.option else []
        return "; ".join(parts)

    def to_dict(self) -> dict[str, object]:
        """Return the decision as JSON-ready fields."""
        return {
            "subject": self.subject,
            "chosen": self.chosen,
            "why": self.why,
            "runner_up": self.runner_up or None,
            "option": self.option or None,
            "guessed": self.guessed,
        }
