/// <reference lib="dom" />

type Dialogs = typeof import('../../../home-dialogs.ts');

/** How long the page waits for idle time before it loads the dialogs, in milliseconds. */
const IDLE_WITHIN_MS = 5000;

let loaded: Dialogs | undefined;
let loading: Promise<Dialogs> | undefined;
let attempts = 0;

/** Returns the dialogs if they are loaded. */
export function dialogsIfLoaded(): Dialogs | undefined {
  return loaded;
}

/** Loads the dialogs. Rejects if there is no connection; the next call tries again. */
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
  // Some browsers do not request a module again that they could not load.
  const retry = attempts === 0 ? '' : `#${attempts}`;
  attempts += 1;
  const [dialogs] = await Promise.all([
    import(addressOf('dialogs') + retry) as Promise<Dialogs>,
    loadStyle(addressOf('dialogs-style')),
  ]);
  loaded = dialogs;
  return dialogs;
}

/** Returns the address of a file that the head of the page names: its name has a hash. */
function addressOf(name: string): string {
  const file = document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
  return new URL(file, document.baseURI).href;
}

function loadStyle(address: string): Promise<void> {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = address;
  return new Promise((resolve, reject) => {
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => {
      link.remove();
      reject(new Error(`${address} cannot be loaded`));
    });
    document.head.append(link);
  });
}
