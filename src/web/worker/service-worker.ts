/// <reference lib="dom" />
import { isOfVersion, type OfflinePages } from './offline-files.ts';

/*
 * Keeps the pages and their files on the device, so that they open without a network, or while their own node is down. It responds
 * only to requests for a page and its files; requests to the API are never intercepted.
 */

/** The part of a service worker's global scope that is used: its types and those of a page cannot be in one program. */
interface Worker {
  /** Set by the bundler. */
  readonly PAGES: OfflinePages;
  readonly registration: { readonly scope: string };
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { type: 'window' }): Promise<readonly Tab[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(kind: 'install' | 'activate', listener: (event: Lifecycle) => void): void;
  addEventListener(kind: 'fetch', listener: (event: Fetching) => void): void;
  addEventListener(kind: 'notificationclick', listener: (event: Clicked) => void): void;
}

/** An open page of this node. */
interface Tab {
  readonly url: string;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}

interface Lifecycle {
  waitUntil(done: Promise<unknown>): void;
}

interface Fetching extends Lifecycle {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Clicked extends Lifecycle {
  readonly notification: { readonly data: unknown; close(): void };
}

const worker = globalThis as unknown as Worker;

/** A page that the network does not deliver within this time comes from the device. */
const NETWORK_TIMEOUT_MS = 4000;
const PREFIX = 'plantao-';
/** The pages, and the files of all of them. */
const FILES = [...new Set(Object.entries(worker.PAGES).flatMap(([page, loaded]) => [page, ...loaded]))];
const CACHE = PREFIX + FILES.join('|');
/** The page that a notification opens. */
const CHAT = 'home';

worker.addEventListener('install', (event) => {
  event.waitUntil(Promise.all(FILES.map(store)));
  void worker.skipWaiting();
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(removeOld().then(() => worker.clients.claim()));
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  const { pathname } = new URL(request.url);
  const scope = new URL(worker.registration.scope).pathname;
  const name = pathname.slice(scope.length);
  if (request.mode === 'navigate' && pathname.startsWith(scope) && isPage(name)) {
    event.respondWith(page(event, name));
  } else if (pathname.startsWith(`${scope}assets/`)) event.respondWith(asset(request));
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(openAt(String(event.notification.data)));
});

const isPage = (name: string) => Object.hasOwn(worker.PAGES, name);

/** Shows the chat page at this fragment: in a tab that has it, or else in a new one. */
async function openAt(hash: string): Promise<void> {
  const address = new URL(CHAT, worker.registration.scope).href;
  const tab = (await worker.clients.matchAll({ type: 'window' })).find(({ url }) => url.split(/[?#]/)[0] === address);
  if (tab === undefined) return void (await worker.clients.openWindow(address + hash));
  tab.postMessage({ open: hash });
  await tab.focus();
}

async function removeOld(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
  );
}

/** Stores a file. Rejects if the node has another version of it; the browser then tries to install the worker again at a later visit. */
async function store(file: string): Promise<void> {
  // Requests a page as a browser does: at /cluster, programs get JSON.
  const response = await fetch(file, { headers: { Accept: isPage(file) ? 'text/html' : '*/*' } });
  if (!(await keep(file, response))) throw new Error(`the node has no ${file} of this version`);
}

/** Stores a response unless it is of another version. */
async function keep(file: string, response: Response): Promise<boolean> {
  if (!(await isOfVersion(worker.PAGES, file, response.clone()))) return false;
  const cache = await caches.open(CACHE);
  await cache.put(file, response);
  return true;
}

/** Returns a page from the network, which may be newer, or from the device if that takes too long or fails. */
async function page(event: Fetching, name: string): Promise<Response> {
  const { request } = event;
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(NETWORK_TIMEOUT_MS) });
    // Its headers name the nodes that the page may call, and these change.
    if (response.status === 200) event.waitUntil(keep(name, response.clone()));
    if (response.status < 500) return response;
  } catch {
    // No network.
  }
  return (await cache.match(name, { ignoreVary: true })) ?? fetch(request);
}

/** Returns a file whose name includes a hash of its content, so that the one on the device is the same. */
async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  // Assets have `Vary: Origin`, and a module is requested with an Origin, with which it was not stored.
  return (await cache.match(request, { ignoreVary: true })) ?? fetch(request);
}
