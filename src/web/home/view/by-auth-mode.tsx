import type { AuthMode } from '../../../client/index.ts';

/** A text that depends on how the nodes authenticate. Both take their place until that is known, so that nothing moves then. */
export function ByAuthMode(props: { auth: AuthMode | undefined; class: string; open: string; token: string }) {
  const { auth, open, token } = props;
  return (
    <div class={`${props.class} auth-text`}>
      <p class={auth === 'open' ? '' : 'invisible'}>{open}</p>
      <p class={auth === 'token' ? '' : 'invisible'}>{token}</p>
    </div>
  );
}
