/** Resolves to the error with which a promise rejects; to null if it does not. */
export const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error) => error,
  );
