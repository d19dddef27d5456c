/** What a user can mend: one line that says what was expected, what was found, and what to do. */
export class UserError extends Error {}
