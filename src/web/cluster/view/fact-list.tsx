/// <reference lib="dom" />

/** A label and its value; undefined where the fact is not known. */
export type Fact = readonly [label: string, value: string | undefined];

/** A list of facts, without those that are not known. */
export function FactList({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(
        ([label, value]) =>
          value !== undefined && (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
