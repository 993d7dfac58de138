/// <reference lib="dom" />

type Dialogs = typeof import('../../home-dialogs.ts');

/** How long the page waits for idle time before it loads the dialogs, in milliseconds. */
const IDLE_WITHIN_MS = 5000;

/** Timeout of an attempt, in milliseconds: dialogs that are opened meanwhile wait for the same attempt. */
const LOAD_WITHIN_MS = 20_000;

let loaded: Dialogs | undefined;
let loading: Promise<Dialogs> | undefined;
let attempts = 0;
/** Cache-busting suffix of both file URLs, changed for each attempt. */
let suffix = '';

/** Returns the dialogs if they are loaded. */
export function dialogsIfLoaded(): Dialogs | undefined {
  return loaded;
}

/** Loads the dialogs. Rejects if that fails or takes too long; the next call tries again. */
export function loadDialogs(): Promise<Dialogs> {
  loading ??= load().finally(() => {
    loading = undefined;
  });
  return loading;
}

/** Loads the dialogs as soon as the browser has nothing else to do: they must open without a network. */
export function preloadDialogs(): void {
  const preload = () => void loadDialogs().catch(() => {});
  // Safari has no idle callbacks.
  if ('requestIdleCallback' in globalThis) requestIdleCallback(preload, { timeout: IDLE_WITHIN_MS });
  else setTimeout(preload, IDLE_WITHIN_MS);
}

async function load(): Promise<Dialogs> {
  if (loaded !== undefined) return loaded;
  const style = document.createElement('link');
  let timer: ReturnType<typeof setTimeout> | undefined;
  attempts += 1;
  // Some browsers do not request a module again that they could not load.
  let next = `#${attempts}`;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // Two requests that differ only after the # share one response, which has already timed out.
      next = `?${attempts}`;
      reject(new Error('the dialogs were not loaded in time'));
    }, LOAD_WITHIN_MS);
  });
  try {
    const script: Promise<Dialogs> = import(assetAddressOf('dialogs') + suffix);
    [loaded] = await Promise.race([
      Promise.all([script, applied(style, assetAddressOf('dialogs-style') + suffix)]),
      late,
    ]);
    return loaded;
  } catch (error) {
    // The next attempt adds its own.
    style.remove();
    suffix = next;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the address of a file that the head of the page names: its name has a hash. */
function assetAddressOf(name: string): string {
  const file = document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
  return new URL(file, document.baseURI).href;
}

/** Adds a style sheet to the page, and resolves when it is applied. */
function applied(link: HTMLLinkElement, address: string): Promise<void> {
  link.rel = 'stylesheet';
  link.href = address;
  return new Promise((resolve, reject) => {
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => reject(new Error(`${address} cannot be loaded`)));
    document.head.append(link);
  });
}
