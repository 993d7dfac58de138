import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

const PATIENCE = { within: 20_000, every: 50 };

describe('While PostgreSQL opens no sessions for the nodes', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes({ LEASE_MS: '2000' }, { mayLogErrors: true });
  const { sql } = nodes;
  const both = () => [nodes.active, nodes.standby];

  /** Ends the sessions of the nodes; the new ones are refused. */
  const endSessions = () =>
    sql.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'plantao:%'",
    );

  /** A failing audit of logins. The constraint is one that a request can violate too. */
  const TRIGGER = `
    CREATE FUNCTION public.audits_login() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('application_name') LIKE 'plantao:%' THEN
        RAISE unique_violation USING TABLE = 'users', CONSTRAINT = 'users_username_key_key', MESSAGE = 'audited twice';
      END IF;
    END $$;
    CREATE EVENT TRIGGER audits ON login EXECUTE FUNCTION public.audits_login()`;
  const allow = (yes: boolean) => `UPDATE pg_database SET datallowconn = ${yes} WHERE datname = current_database()`;
  const REFUSALS: [what: string, fault: string, undo: string, sqlState: string][] = [
    ['the database accepts none', allow(false), allow(true), '55000'],
    ['its login trigger fails', TRIGGER, 'DROP EVENT TRIGGER audits; DROP FUNCTION public.audits_login()', '23505'],
  ];

  for (const [what, fault, undo, sqlState] of REFUSALS) {
    it(`every request gets 503 unavailable, and each log has the reason once: ${what}`, async function () {
      const [server] = await sql.rows<{ version: number }>(
        "SELECT current_setting('server_version_num')::int AS version",
      );
      // Older versions have no login triggers.
      if (fault === TRIGGER && (server?.version ?? 0) < 170_000) return this.skip();
      const since = both().map(({ entries }) => entries.length);
      await sql.query(fault);
      try {
        await endSessions();
        const reasons = async () => {
          const responses = await Promise.all(both().map(({ url }) => get(`${url}/readiness`)));
          return responses.every(({ text }) =>
            text.includes(`cannot be read: PostgreSQL opens no session for this node (SQLSTATE ${sqlState})`),
          );
        };
        await eventually('both nodes show the reason', reasons, PATIENCE);
        for (const { url } of both()) {
          for (const path of ['/messages?groupId=1', '/users', '/chats?userId=1']) {
            const { status, body, text } = await get(`${url}${path}`);
            expect([status, body.code], `${path}: ${text}`).to.deep.equal([503, 'unavailable']);
          }
          const { status, body } = await post(`${url}/login`, { username: 'nova' });
          expect(status).to.equal(503);
          expect(body.code).to.be.oneOf(['unavailable', 'not_active']);
        }
      } finally {
        await sql.query(undo);
      }
      const recovered = async () =>
        (await Promise.all(both().map(({ url }) => get(`${url}/readiness`)))).every(({ status }) => status === 200);
      await eventually('both nodes are ready', recovered, PATIENCE);
      both().forEach(({ entries }, at) => {
        const errors = entries.slice(since[at]).filter(({ level }) => level >= 50);
        expect(errors.map(({ msg }) => msg)).to.deep.equal(['could not read the event log: retrying every second']);
        expect(JSON.stringify(errors)).to.match(/audited twice|not currently accepting connections/);
      });
    });
  }
});
