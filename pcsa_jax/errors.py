"""The one exception for mistakes that the user of the software can mend."""


class UserError(Exception):
    """A user's mistake, told in one line: subject, expected, found, what to do.

    Commands print the message without a traceback (unless ``--debug``) and exit with status 1.
    Errors of any other type are ours and keep their traceback.
    """
