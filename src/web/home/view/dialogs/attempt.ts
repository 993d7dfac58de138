import { useState } from 'preact/hooks';

/** Returns a function that runs a change and resolves to true if it succeeds, and the error of the latest change, if it failed. */
export function useAttempt() {
  const [error, setError] = useState<unknown>();
  const attempt = async (change: () => Promise<unknown>): Promise<boolean> => {
    setError(undefined);
    try {
      await change();
      return true;
    } catch (error) {
      setError(error);
      return false;
    }
  };
  return { attempt, error };
}
