"""What leaves the box less safe than it could be, and what may be shown of its settings.

`stenobox doctor` prints the verdicts, the page of administrators shows those that are not OK.
"""

from stenobox.safety.outbound import check_mail, check_webhooks
from stenobox.safety.rules import safety_results, warnings_of
from stenobox.safety.verdicts import Result, Verdict

__all__ = ["Result", "Verdict", "check_mail", "check_webhooks", "safety_results", "warnings_of"]
