import { duration, number } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import type { NodeActivity } from '../model/api-types.ts';
import type { Monitor } from '../model/monitor.ts';
import type { NodeState } from '../model/node-state.ts';
import { type NodeOperation, operationsOf } from '../model/operations.ts';
import { type Fact, FactList } from './fact-list.tsx';
import { Sparkline } from './sparkline.tsx';

interface Props {
  node: NodeState;
  monitor: Monitor;
  onOperation: (operation: NodeOperation) => void;
}

/** One node: its role, its figures of the last minutes, and what an operator can do with it. */
export function NodeCard({ node, monitor, onOperation }: Props) {
  const { name, url, role, term, row, rowAt, conditions } = node;
  const t = clusterTexts();
  const age = row && row.heartbeat_age_ms + performance.now() - rowAt;
  const facts: Fact[] = [
    [t.term, role === 'active' && term !== null ? number(term) : undefined],
    [t.heartbeat, age === undefined || role === 'stopped' ? undefined : t.ago(duration(age))],
    [t.behind, row && role !== 'stopped' ? t.events(number(row.behind)) : undefined],
    [t.version, row?.version],
  ];
  const operations = operationsOf(node, monitor.active !== undefined);
  return (
    <li class={`node-card ${role}`}>
      <h3>
        <span class="mark" aria-hidden="true" />
        <span class="name">{name}</span> <span class="role">{t.role[role]}</span>
      </h3>
      <p class="hint address">{url}</p>
      <FactList facts={facts} />
      {/* The headline says that failover is paused. */}
      {conditions
        .filter(({ name }) => name !== 'paused')
        .map(({ name, reason }) => (
          <p key={name} class="condition">
            {reason}
          </p>
        ))}
      <Figures node={name} monitor={monitor} />
      {operations.length > 0 && (
        <div class="buttons">
          {operations.map((operation) => (
            <button
              key={operation}
              type="button"
              class={operation === 'fall' ? 'secondary danger' : 'secondary'}
              onClick={() => onOperation(operation)}
            >
              {t.operation[operation]}
              <span class="visually-hidden"> {name}</span>
            </button>
          ))}
        </div>
      )}
    </li>
  );
}

type Figure = Exclude<keyof NodeActivity, 'node'>;

/** The charts of all nodes have the same scale, so that they can be compared. */
function Figures({ node, monitor: { activity } }: { node: string; monitor: Monitor }) {
  const t = clusterTexts();
  const own = activity?.nodes.find((one) => one.node === node);
  if (activity === undefined || own === undefined) return null;
  const plain = (value: number) => number(value, value < 10 ? 1 : 0);
  const time = (value: number) => `${number(value, value < 10 ? 1 : 0)} ms`;
  const figures: [Figure, string, (value: number) => string][] = [
    ['posts_per_second', t.posts, plain],
    ['waiters', t.waiters, plain],
    ['commit_ms', t.commit, time],
    ['delivery_ms', t.delivery, time],
  ];
  return (
    <div class="figures">
      {figures.map(([figure, label, format]) => (
        <Sparkline
          key={figure}
          label={label}
          values={own[figure]}
          highest={highestOf(activity.nodes.map((one) => one[figure]))}
          minutes={(own[figure].length * activity.step_ms) / 60_000}
          format={format}
        />
      ))}
    </div>
  );
}

function highestOf(all: readonly (readonly (number | null)[])[]): number {
  return all.reduce((max, values) => values.reduce<number>((highest, one) => Math.max(highest, one ?? 0), max), 0);
}
