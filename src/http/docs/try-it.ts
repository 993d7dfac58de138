import { escapeHtml } from '../../text/escape-html.ts';
import { curlCommand } from '../../web/docs/curl-command.ts';
import type { JsonSchema } from '../contract/json-schema.ts';
import type { OpenApiOperation } from './openapi.ts';

/** One operation with its place in the document. */
export interface Located {
  method: string;
  path: string;
  operation: OpenApiOperation;
}

type Input = OpenApiOperation['parameters'][number] & { example: string };

const KEY = 'Idempotency-Key';

/** Returns a command line that calls the operation on this node, with example values. The page's script inserts those of the form. */
export function commandOf(located: Located, url: string): string {
  const { operation, path } = located;
  const inputs = inputsOf(located).filter((one) => one.required);
  const headers = inputs.filter((one) => one.in === 'header' && one.name !== KEY);
  const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(exampleIn(inputs, name)));
  const query = new URLSearchParams(inputs.filter((one) => one.in === 'query').map((one) => [one.name, one.example]));
  const head = headOf(located);
  const command = curlCommand(head, url, {
    path: target + (query.size > 0 ? `?${query}` : ''),
    headers: Object.fromEntries(headers.map(({ name, example }) => [name, example])),
    body: bodyOf(operation) ?? undefined,
  });
  return `<code data-head="${escapeHtml(head)}">${escapeHtml(command)}</code>`;
}

/** Returns the start of the command line, which does not depend on values. */
function headOf({ method, operation }: Located): string {
  return [
    `curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`}${operation.operationId === 'getEvents' ? ' -N' : ''}`,
    // A command that is run twice is another request: a fixed key would return the first response.
    ...(operation.parameters.some(({ name }) => name === KEY) ? [`-H "${KEY}: $(date +%s%N)-$RANDOM"`] : []),
    // In double quotes, so that the shell inserts the token.
    ...(needsToken(operation) ? ['-H "Authorization: Bearer $TOKEN"'] : []),
  ].join(' ');
}

/** Returns a form whose request the page's script sends to this node. */
export function formOf(located: Located): string {
  const { method, path, operation } = located;
  const fields = inputsOf(located).map(
    (one) =>
      `<label>${escapeHtml(one.name)}${one.required ? ' *' : ''} <input name="${escapeHtml(one.name)}" data-in="${one.in}" ${
        one.required ? `value="${escapeHtml(one.example)}"` : `placeholder="${escapeHtml(one.example)}"`
      }></label>`,
  );
  const body = bodyOf(operation);
  if (body !== null)
    fields.push(`<label>JSON body <textarea data-in="body" rows="4">${escapeHtml(body)}</textarea></label>`);
  return `<details class="try"><summary>Try it</summary>
<form data-method="${method.toUpperCase()}" data-path="${escapeHtml(path)}">${fields.join('\n')}
<div class="buttons"><button type="submit">Send ${method.toUpperCase()} ${escapeHtml(path)}</button><button type="button" class="stop secondary" hidden>Stop</button></div><pre class="result" aria-live="polite"></pre></form></details>`;
}

/** Returns true if the operation needs a token on this node. */
export const needsToken = ({ security }: OpenApiOperation): boolean => security.some((one) => 'token' in one);

function inputsOf({ operation }: Located): Input[] {
  return operation.parameters.map((one) => {
    const { default: otherwise, example } = one.schema;
    return { ...one, example: String(one.example ?? example ?? otherwise ?? '') };
  });
}

const exampleIn = (inputs: Input[], name: string) => inputs.find((one) => one.name === name)?.example ?? name;

function bodyOf({ requestBody }: OpenApiOperation): string | null {
  const { content } = (requestBody ?? {}) as { content?: Record<string, { example?: JsonSchema }> };
  const example = content?.['application/json']?.example;
  return example === undefined ? null : JSON.stringify(example);
}
