"""What the schedule and the queue ask of this floor: tables drawn, whatever is due released, live steps."""

from typing import Any
from uuid import UUID

from agencies import jobs
from referrals import linking
from reporting import releases


@jobs.job("draw_table")
def draw_table(run: jobs.Run) -> dict[str, Any]:
    """Draw the table that a proposal wants; its page says what came of it."""
    releases.draw_proposal(UUID(run.arguments["proposal"]))
    return {}


def live() -> int:
    """Let the live figures take a step, if they may; whether they did."""
    return int(releases.step() is not None)


def snapshot() -> int:
    """Release each closed period of each approved specification that has none yet; how many were made."""
    if not releases.due():
        return 0
    # Whoever left or has just come is settled first: a release is for good.
    linking.sweep()
    linking.link_new()
    return releases.publish_due()
