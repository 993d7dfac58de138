import { errorText } from '../i18n/error-text.ts';

/** Shows why something failed, in the current language; nothing if `error` is undefined. Screen readers announce it. */
export function ErrorLine({ error }: { error: unknown }) {
  return (
    <p class="error" role="alert">
      {error === undefined ? '' : errorText(error)}
    </p>
  );
}
