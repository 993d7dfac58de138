/// <reference lib="dom" />

interface Props {
  label: string;
  isOn: boolean;
  handle: { current: HTMLInputElement | null };
}

/** A property that is changed when the dialog is saved. */
export function Switch({ label, isOn, handle }: Props) {
  return (
    <label class="switch">
      <input type="checkbox" ref={handle} defaultChecked={isOn} /> {label}
    </label>
  );
}
