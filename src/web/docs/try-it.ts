/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';

/** A poll or stream is cut off after this time, and what it returned until then is shown. */
const MAX_MS = 60_000;
const SHOWN_HEADERS = ['content-type', 'cursor', 'ephemeral-cursor', 'retry-after', 'allow', 'www-authenticate'];

interface FormRequest {
  path: string;
  init: RequestInit;
}

/** Sends the request of a form, and shows the response below it. Returns its JSON. A second click ends the first request. */
export async function sendForm(form: HTMLFormElement, base: string): Promise<unknown> {
  const result = form.querySelector<HTMLElement>('.result');
  if (!result) return;
  running.get(form)?.abort();
  const cancel = new AbortController();
  running.set(form, cancel);
  result.textContent = docsTexts().waiting;
  const timer = setTimeout(() => cancel.abort(), MAX_MS);
  try {
    const { path, init } = requestOf(form);
    const response = await fetch(base + path, { ...init, signal: cancel.signal });
    const elsewhere = await activeNode(response);
    if (elsewhere === undefined) return await show(response, result, '');
    const note = `${docsTexts().sentToActive(elsewhere)}\n\n`;
    return await show(await fetch(elsewhere + path, { ...init, signal: cancel.signal }), result, note);
  } catch (error) {
    if (cancel.signal.aborted) return;
    result.textContent = docsTexts().failed(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
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

function requestOf(form: HTMLFormElement): FormRequest {
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
  const token = document.querySelector<HTMLInputElement>('#token')?.value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const init: RequestInit = { method: form.dataset.method ?? 'GET', headers, ...(body === undefined ? {} : { body }) };
  return { path: path + (query.size > 0 ? `?${query}` : ''), init };
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
