/** A set-up that failed; the message is for the user. */
export class SetupError extends Error {}
