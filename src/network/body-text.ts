/**
 * Reads the body of a response to `fetch` as text. `signal` is the one that `fetch` was given.
 *
 * `response.text()` alone may never end: once the head has arrived, Node.js 20 may collect the object that forwards the signal to
 * the body, and then an abort does not reach a response that stalls. Here an abort ends the reading itself, which closes the connection.
 * @throws the signal's reason once it is aborted; an error if the body has more than `maxBytes` bytes; the error of the connection.
 */
export async function bodyText(response: Response, signal: AbortSignal, maxBytes = Infinity): Promise<string> {
  // Without a stream: no body, or a `fetch` that does not offer one, such as React Native's.
  const reader = response.body?.getReader?.();
  if (!reader) return response.text();
  // A read that is waiting then resolves at once.
  const cancel = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const decoder = new TextDecoder();
  let [text, length] = ['', 0];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      signal.throwIfAborted();
      if (done) return text + decoder.decode();
      length += value.length;
      if (length > maxBytes) throw new Error(`its response is larger than ${maxBytes} bytes`);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    cancel();
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
