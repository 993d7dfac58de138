/** The script of /docs: filters the operations, copies commands, and sends requests to this node. */

const all = <E extends Element>(selector: string, within: ParentNode = document) => [
  ...within.querySelectorAll<E>(selector),
];
/** The address of this node as the browser reaches it, which may be through a proxy. */
const base = new URL('.', location.href).href.replace(/\/$/, '');
/** A poll or stream is cut off after this time, and what it returned until then is shown. */
const MOST_MS = 60_000;
const SHOWN_HEADERS = ['content-type', 'cursor', 'retry-after', 'allow', 'www-authenticate'];

for (const span of all('.base')) span.textContent = base;

const filter = document.querySelector<HTMLInputElement>('#filter');
filter?.addEventListener('input', () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const section of all<HTMLElement>('section[data-text]')) {
    section.hidden = !(section.dataset.text ?? '').includes(wanted);
    for (const link of all(`nav a[href="#${section.id}"]`)) {
      link.parentElement?.toggleAttribute('hidden', section.hidden);
    }
  }
});

for (const button of all<HTMLButtonElement>('button.copy')) {
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.previousElementSibling?.textContent ?? '');
    button.textContent = 'Copied';
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1500);
  });
}

for (const form of all<HTMLFormElement>('.try form')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send(form);
  });
}

async function send(form: HTMLFormElement): Promise<void> {
  const result = form.querySelector<HTMLElement>('.result');
  if (!result) return;
  result.textContent = 'Waiting for the response…';
  const cancel = new AbortController();
  const timer = setTimeout(() => cancel.abort(), MOST_MS);
  try {
    const { address, init } = requestOf(form);
    const response = await fetch(address, { ...init, signal: cancel.signal });
    await show(response, result);
  } catch (error) {
    if (!cancel.signal.aborted)
      result.textContent = `The request failed: ${error instanceof Error ? error.message : error}`;
  } finally {
    clearTimeout(timer);
  }
}

function requestOf(form: HTMLFormElement): { address: string; init: RequestInit } {
  const headers: Record<string, string> = {};
  const query = new URLSearchParams();
  let path = form.dataset.path ?? '';
  let body: string | undefined;
  for (const input of all<HTMLInputElement | HTMLTextAreaElement>('[data-in]', form)) {
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
  return { address: base + path + (query.size > 0 ? `?${query}` : ''), init };
}

async function show(response: Response, result: HTMLElement): Promise<void> {
  const headers = SHOWN_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [`${name}: ${value}`];
  });
  const head = [`${response.status} ${response.statusText}`, ...headers, '', ''].join('\n');
  result.textContent = head;
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let received = '';
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    received += part.value;
    result.textContent = head + received;
  }
  result.textContent = head + indented(received);
}

function indented(received: string): string {
  try {
    return JSON.stringify(JSON.parse(received), null, 2);
  } catch {
    return received;
  }
}
