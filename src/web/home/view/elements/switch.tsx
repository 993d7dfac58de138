/// <reference lib="dom" />
import type { InputHTMLAttributes } from 'preact';

interface Props extends Pick<InputHTMLAttributes<HTMLInputElement>, 'checked' | 'defaultChecked' | 'disabled'> {
  label: string;
  /** For a switch that takes effect when its form is sent. */
  handle?: { current: HTMLInputElement | null };
  /** For a switch that takes effect at once. */
  onSwitch?: (isOn: boolean) => void;
}

/** A checkbox with its label. */
export function Switch({ label, handle, onSwitch, ...input }: Props) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        ref={handle ?? null}
        onChange={({ currentTarget }) => onSwitch?.(currentTarget.checked)}
        {...input}
      />{' '}
      {label}
    </label>
  );
}
