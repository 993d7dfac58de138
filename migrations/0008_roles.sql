-- Least privilege: a role that a node runs under without owning the schema, and one for DBAs who only look.
--
-- Roles belong to the whole server, so another database may have made them already, or may be making them right now; and
-- whoever migrates may not be allowed to. None of that fails the migration: what could be done is done, and
-- plantao.grant_roles() does the rest once somebody who may has made the roles.
--
-- To run the nodes under it, let one login of theirs be a member, and migrate as the owner beforehand:
--   CREATE ROLE chat LOGIN PASSWORD '…' IN ROLE plantao_service;
-- One login for all nodes: a new active may end the sessions that its predecessor left only where they are its own role's.

DO $$
DECLARE
  missing text;
BEGIN
  FOREACH missing IN ARRAY ARRAY['plantao_service', 'plantao_dba_readonly'] LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = missing) THEN CONTINUE; END IF;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
      RAISE NOTICE 'the role % was not made here: %', missing, SQLERRM;
    END;
  END LOOP;
END $$;

CREATE FUNCTION plantao.grant_roles() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- PostgreSQL lets everybody execute a new function. None of ours is for a role that was not granted it.
  REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA plantao FROM PUBLIC;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'plantao_service') THEN
    GRANT USAGE ON SCHEMA plantao TO plantao_service;
    GRANT SELECT ON plantao.migrations, plantao.log_bounds, plantao.event_feed, plantao.cluster_status,
      plantao.leader_history, plantao.lock_holder, plantao.fence_holders, plantao.notify_queue, plantao.blocking,
      plantao.cluster TO plantao_service;
    GRANT SELECT ON plantao.epochs TO plantao_service;
    GRANT SELECT, INSERT ON plantao.users, plantao.groups TO plantao_service;
    -- A password may be changed, a name not. It also lets a change of memberships hold the user's row.
    GRANT UPDATE (password_hash) ON plantao.users TO plantao_service;
    GRANT SELECT, INSERT, DELETE ON plantao.memberships, plantao.messages, plantao.idempotency_keys TO plantao_service;
    -- Appended to by functions that run with the owner's rights.
    GRANT SELECT, DELETE ON plantao.events TO plantao_service;
    GRANT SELECT, UPDATE ON plantao.event_log TO plantao_service;
    GRANT SELECT, INSERT, UPDATE ON plantao.leader_terms TO plantao_service;
    GRANT SELECT, INSERT, DELETE ON plantao.switchover_requests TO plantao_service;
    GRANT SELECT, INSERT, UPDATE, DELETE ON plantao.nodes, plantao.tokens, plantao.token_revocations,
      plantao.sign_in_attempts, plantao.known_networks TO plantao_service;
    -- By name alone, so that a function whose parameters change keeps its place here.
    GRANT EXECUTE ON FUNCTION plantao.hint, plantao.name_key, plantao.history_fingerprint, plantao.log_head, plantao.lock_log,
      plantao.continue_epoch, plantao.log_fell_back, plantao.notify_group, plantao.lock_group_names, plantao.assert_term,
      plantao.close_fence, plantao.hold_leader_lock, plantao.open_term, plantao.end_open_term, plantao.insert_term,
      plantao.warm_up_term, plantao.end_last_term_sessions,
      plantao.end_silent_holder, plantao.close_term, plantao.switchover, plantao.warm_up_post, plantao.post_messages, plantao.issue_token,
      plantao.ms_between, plantao.heal_sequences, plantao.count_attempt,
      plantao.give_back_attempt, plantao.remember_network, plantao.known_client, plantao.remove_old_events,
      plantao.remove_old_keys TO plantao_service;
    GRANT SELECT, USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA plantao TO plantao_service;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'plantao_dba_readonly') THEN
    GRANT USAGE ON SCHEMA plantao TO plantao_dba_readonly;
    -- What people write, their password hashes and their tokens are not among it.
    GRANT SELECT ON plantao.migrations, plantao.cluster_status, plantao.leader_history, plantao.lock_holder,
      plantao.group_activity, plantao.event_log_status, plantao.notify_queue, plantao.log_bounds, plantao.nodes,
      plantao.leader_terms, plantao.switchover_requests, plantao.epochs, plantao.event_log, plantao.cluster,
      plantao.fence_holders, plantao.blocking TO plantao_dba_readonly;
    -- The functions that these views call; they only read.
    GRANT EXECUTE ON FUNCTION plantao.log_head, plantao.ms_between TO plantao_dba_readonly;
    BEGIN
      -- Whose sessions there are, beside one's own: pg_stat_activity, and so plantao.lock_holder.
      GRANT pg_monitor TO plantao_dba_readonly;
    EXCEPTION WHEN OTHERS THEN
      -- Not allowed to, or another database grants it at this moment.
      RAISE NOTICE 'pg_monitor was not granted to plantao_dba_readonly: %', SQLERRM;
    END;
  END IF;
END $$;
COMMENT ON FUNCTION plantao.grant_roles() IS
  'Grants plantao_service what a node needs and plantao_dba_readonly the views, where these roles exist; takes EXECUTE on every function from PUBLIC. Run after each migration by the owner of the schema; harmless to repeat.';
