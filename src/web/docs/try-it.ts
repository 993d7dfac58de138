/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import { type CommandRequest, curlCommand } from './curl-command.ts';

/** A poll or stream is cut off after this time, and what it returned until then is shown. */
const MAX_MS = 60_000;
const SHOWN_HEADERS = ['content-type', 'cursor', 'ephemeral-cursor', 'retry-after', 'allow', 'www-authenticate'];

/** Sends the request of a form, and shows the response below it. Returns its JSON. Stop, or a second click, ends the request. */
export async function sendForm(form: HTMLFormElement, base: string): Promise<unknown> {
  const result = form.querySelector<HTMLElement>('.result');
  if (!result) return;
  running.get(form)?.abort();
  const cancel = new AbortController();
  running.set(form, cancel);
  const hideStop = offerStop(form, cancel);
  result.textContent = docsTexts().waiting;
  const timer = setTimeout(() => cancel.abort(), MAX_MS);
  try {
    const { path, ...init } = initOf(form);
    const response = await fetch(base + path, { ...init, signal: cancel.signal });
    const elsewhere = await activeNode(response);
    if (elsewhere === undefined) return await show(response, result, '');
    const note = `${docsTexts().sentToActive(elsewhere)}\n\n`;
    return await show(await fetch(elsewhere + path, { ...init, signal: cancel.signal }), result, note);
  } catch (error) {
    const isReplaced = running.get(form) !== cancel;
    if (!isReplaced && cancel.signal.aborted) result.textContent = stoppedText(result.textContent);
    if (isReplaced || cancel.signal.aborted) return;
    result.textContent = docsTexts().failed(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    if (running.get(form) === cancel) hideStop();
  }
}

/** Shows the button that ends the request, because a stream may never end by itself. Returns a function that hides it. */
function offerStop(form: HTMLFormElement, cancel: AbortController): () => void {
  const stop = form.querySelector<HTMLButtonElement>('.stop');
  if (stop === null) return () => {};
  stop.hidden = false;
  stop.onclick = () => cancel.abort();
  return () => {
    if (document.activeElement === stop) form.querySelector<HTMLElement>('[type="submit"]')?.focus();
    stop.hidden = true;
  };
}

/** Returns what was received until the request was stopped, with a note that it was. */
function stoppedText(received: string | null): string {
  const { stopped, waiting } = docsTexts();
  return received === null || received === waiting ? stopped : `${received.trimEnd()}\n\n${stopped}`;
}

/** Shows the command line of the request that a form would send. The shell supplies the idempotency key and the token. */
export function showCommand(form: HTMLFormElement, base: string): void {
  const command = form.closest('section')?.querySelector<HTMLElement>('.curl code');
  if (!command) return;
  const { path, headers, body } = requestOf(form);
  const { 'Idempotency-Key': _, ...others } = headers;
  command.textContent = curlCommand(command.dataset.head ?? 'curl', base, { path, headers: others, body });
}

const running = new WeakMap<HTMLFormElement, AbortController>();

/** Returns the address of the active node if the response is a standby's refusal that names it. */
async function activeNode(response: Response): Promise<string | undefined> {
  if (response.status !== 503) return undefined;
  const refusal = await response
    .clone()
    .json()
    .catch(() => undefined);
  const url = refusal?.code === 'not_active' ? refusal.active_url : undefined;
  return typeof url === 'string' ? url.replace(/\/+$/, '') : undefined;
}

/** Returns the request of a form with the method and the token of the page. */
function initOf(form: HTMLFormElement) {
  const { path, headers, body } = requestOf(form);
  const token = document.querySelector<HTMLInputElement>('#token')?.value.trim();
  const all = {
    ...headers,
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
  };
  return { path, method: form.dataset.method ?? 'GET', headers: all, ...(body !== undefined && { body }) };
}

function requestOf(form: HTMLFormElement): CommandRequest {
  const headers: Record<string, string> = {};
  const query = new URLSearchParams();
  let path = form.dataset.path ?? '';
  let body: string | undefined;
  for (const input of form.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>('[data-in]')) {
    const { value, name } = input;
    if (input.dataset.in === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value === '') continue;
    else if (input.dataset.in === 'query') query.set(name, value);
    else if (input.dataset.in === 'header') headers[name] = value;
    else body = value;
  }
  return { path: path + (query.size > 0 ? `?${query}` : ''), headers, body };
}

async function show(response: Response, result: HTMLElement, note: string): Promise<unknown> {
  const headers = SHOWN_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [`${name}: ${value}`];
  });
  const head = `${note}${[`${response.status} ${response.statusText}`, ...headers, '', ''].join('\n')}`;
  result.textContent = head;
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let received = '';
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    received += part.value;
    result.textContent = head + received;
  }
  const json = parsed(received);
  result.textContent = head + (json === undefined ? received : JSON.stringify(json, null, 2));
  return json;
}

function parsed(received: string): unknown {
  try {
    return JSON.parse(received);
  } catch {
    return undefined;
  }
}
