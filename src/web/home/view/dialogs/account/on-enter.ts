/// <reference lib="dom" />

/** Returns a key handler with which Enter in a field does what its button does. It must not close the dialog. */
export function onEnter(act: () => void) {
  return (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    act();
  };
}
