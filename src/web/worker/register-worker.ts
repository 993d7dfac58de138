/// <reference lib="dom" />

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

/** Registers the pages' service worker where the browser supports one: on https and on localhost. */
export function registerWorker(): void {
  if (!('serviceWorker' in navigator)) return;
  // The user has clicked a notification.
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (typeof data?.open === 'string') location.hash = data.open;
  });
  // The page's Content-Security-Policy accepts script URLs only from a Trusted Types policy.
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const rules = { createScriptURL: () => 'service-worker.js' };
  const policy = trustedTypes?.createPolicy('plantao-worker', rules) ?? rules;
  navigator.serviceWorker.register(policy.createScriptURL('')).catch(() => {
    // Storage is disabled: the page works, but only with a network.
  });
}
