/// <reference lib="dom" />

/** The origins that the page's Content-Security-Policy does not allow. It names the nodes that were known when the page was loaded. */
const blocked = new Set<string>();

// Undefined in tests without a browser.
globalThis.addEventListener?.('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
  if (effectiveDirective === 'connect-src' && URL.canParse(blockedURI)) blocked.add(new URL(blockedURI).origin);
});

/**
 * Sends a request, unless the page's policy has blocked an earlier one to that node: the browser logs an error for each attempt, and
 * none can succeed until the page is reloaded.
 */
export const allowedFetch: typeof fetch = async (input, init) => {
  // The browser reports a blocked redirect under the address that the page has requested, which may be its own.
  const { origin } = new URL(String(input), globalThis.location?.href);
  if (blocked.has(origin) && origin !== location.origin) throw new TypeError(`the page may not call ${origin}`);
  return fetch(input, init);
};
