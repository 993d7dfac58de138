const PATHS = {
  react: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM8 14s1.5 2.5 4 2.5 4-2.5 4-2.5M9 9h.01M15 9h.01',
  reply: 'M9 17l-5-5 5-5M4 12h11a5 5 0 0 1 5 5v2',
  edit: 'M4 20h4L19 9l-4-4L4 16zM14 6l4 4',
  delete: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6',
  link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 4v6M8 14v6',
  down: 'M6 9l6 6 6-6',
  close: 'M6 6l12 12M18 6L6 18',
  muted: 'M6 16V11a6 6 0 0 1 9-5M18 11v5l2 2H8M10 21h4M4 3l17 17',
  back: 'M15 5l-7 7 7 7',
  leave: 'M10 4H5v16h5M9 12h11M16 8l4 4-4 4',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 4-6 8-6s8 2 8 6',
} as const;

/** The name of an icon. */
export type IconName = keyof typeof PATHS;

/** An icon beside or instead of a text. The element that contains it has the accessible name. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon: IconName;
  label: string;
  class?: string;
  tabIndex?: number;
  id?: string;
  onClick: () => void;
}

/** A button that shows an icon; its label is for screen readers and is also its tooltip. */
export function IconButton({ icon, label, onClick, ...rest }: ButtonProps) {
  const className = `secondary icon-button ${rest.class ?? ''}`;
  return (
    <button {...rest} type="button" class={className} title={label} aria-label={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
