/// <reference lib="dom" />
import { useEffect, useRef } from 'preact/hooks';

/**
 * Returns a function that does some work once no mouse button or finger is pressed. A field that changes the layout when it loses
 * the focus would otherwise move the button that the user presses from under the pointer, and there would be no click.
 */
export function useAfterPress(): (work: () => void) => void {
  const isPressed = useRef(false);
  const waiting = useRef<(() => void) | null>(null);
  useEffect(() => {
    const press = () => {
      isPressed.current = true;
    };
    const release = () => {
      isPressed.current = false;
      const work = waiting.current;
      waiting.current = null;
      // After the click, which follows the release.
      if (work) setTimeout(work);
    };
    document.addEventListener('pointerdown', press, true);
    for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, release, true);
    return () => {
      document.removeEventListener('pointerdown', press, true);
      for (const end of ['pointerup', 'pointercancel']) document.removeEventListener(end, release, true);
    };
  }, []);
  return (work) => {
    if (isPressed.current) waiting.current = work;
    else work();
  };
}
