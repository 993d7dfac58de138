import { ChatError } from '../../client/index.ts';
import { texts } from './texts.ts';

let further: () => Record<string, string> = () => ({});

/** Adds texts for error codes that occur on one page only. `texts` returns them in the current language. */
export function addErrorTexts(texts: () => Record<string, string>): void {
  further = texts;
}

/** Returns the text for an error in the current language. The error's own message is for programmers and is never shown. */
export function errorText(error: unknown): string {
  const { errors } = texts();
  if (!(error instanceof ChatError)) return errors.failed;
  const wait = error.retryAfterMs === undefined ? '' : ` ${errors.retryIn(Math.ceil(error.retryAfterMs / 1000))}`;
  return textOf(error) + wait;
}

function textOf({ code, details, status }: ChatError): string {
  const { errors } = texts();
  for (const { field } of details) {
    const known = ownValue(errors.byField, String(field));
    if (known !== undefined) return known;
  }
  if (details.length > 0) return errors.invalid;
  return (
    ownValue(errors.byCode, code) ??
    ownValue(further(), code) ??
    (status >= 400 && status < 500 ? errors.refused : errors.failed)
  );
}

function ownValue(known: Record<string, string>, key: string): string | undefined {
  return Object.hasOwn(known, key) ? known[key] : undefined;
}
