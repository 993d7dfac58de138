/** A chat at a terminal waits for its nodes as long as it takes. */
export const NO_DEADLINE = { deadlineMs: Number.POSITIVE_INFINITY };
