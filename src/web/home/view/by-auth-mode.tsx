import type { AuthMode } from '../../../client/index.ts';

/** A text that depends on how users sign in. Until that is known, both texts take up space, so that the layout does not shift. */
export function ByAuthMode(props: { auth: AuthMode | undefined; class: string; open: string; token: string }) {
  const { auth, open, token } = props;
  return (
    <div class={`${props.class} auth-text`}>
      <p class={auth === 'open' ? '' : 'invisible'}>{open}</p>
      <p class={auth === 'token' ? '' : 'invisible'}>{token}</p>
    </div>
  );
}
