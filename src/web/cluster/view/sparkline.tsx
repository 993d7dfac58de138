import { clusterTexts } from '../../i18n/texts.ts';

interface Props {
  label: string;
  values: readonly (number | null)[];
  /** The top of the scale. */
  highest: number;
  minutes: number;
  format: (value: number) => string;
}

const HEIGHT = 28;
/** Keeps the line inside of the picture. */
const MARGIN = 2;

/** A figure: its value now, and a line of the last minutes, with gaps where it is unknown. */
export function Sparkline({ label, values, highest, minutes, format }: Props) {
  const t = clusterTexts();
  // The last interval has just begun, and a node may not have reported in it.
  const current = values.at(-1) ?? values.at(-2) ?? null;
  const own = values.reduce<number>((max, one) => Math.max(max, one ?? 0), 0);
  const title = `${t.lastMinutes(minutes)}, ${t.highest(format(own))}`;
  return (
    <div class="figure" title={title}>
      <span class="label">{label}</span>
      <span class="value">{current === null ? '–' : format(current)}</span>
      <svg
        viewBox={`0 0 ${values.length - 1} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}: ${title}`}
      >
        <line class="base" x1="0" x2={values.length - 1} y1={HEIGHT - MARGIN} y2={HEIGHT - MARGIN} />
        {segmentsOf(values).map(({ from, points }) => (
          <polyline
            key={from}
            points={points.map((value, index) => `${from + index},${yOf(value, highest)}`).join(' ')}
          />
        ))}
      </svg>
    </div>
  );
}

const yOf = (value: number, highest: number) =>
  (HEIGHT - MARGIN - (highest > 0 ? (value / highest) * (HEIGHT - 2 * MARGIN) : 0)).toFixed(1);

/** Returns the runs of known values. A single value becomes a short line, which is visible. */
function segmentsOf(values: readonly (number | null)[]): { from: number; points: number[] }[] {
  const segments: { from: number; points: number[] }[] = [];
  let open: { from: number; points: number[] } | undefined;
  values.forEach((value, index) => {
    if (value === null) {
      open = undefined;
      return;
    }
    if (open === undefined) {
      open = { from: index, points: [] };
      segments.push(open);
    }
    open.points.push(value);
  });
  return segments.map(({ from, points: [first = 0, ...rest] }) => ({
    from,
    points: rest.length === 0 ? [first, first] : [first, ...rest],
  }));
}
