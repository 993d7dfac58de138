const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/**
 * Returns false for a target in absolute form (RFC 9112, 3.2.2) whose host or port is not valid: Express's parser throws for it
 * before any of our handlers, or prints a deprecation warning.
 */
export function isValidTarget(target: string): boolean {
  // Most targets are paths.
  if (target.startsWith('/')) return true;
  const [authority] = AUTHORITY.exec(target) ?? [];
  return authority === undefined || URL.canParse(authority);
}
