/// <reference lib="dom" />

/** Enter in a field does what its button does; it must not close the dialog. */
export function onEnter(act: () => void) {
  return (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    act();
  };
}
