/// <reference lib="dom" />

/** Returns the URL of the icon. Its name has a hash, which the page knows from its own head. */
export function iconUrl(): string {
  return document.querySelector<HTMLLinkElement>('link[rel="icon"]')?.href ?? '';
}
