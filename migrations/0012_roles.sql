-- Least-privilege roles: plantao_service for nodes that do not own the schema, plantao_dba_readonly for DBAs who only read.
--
-- Roles belong to the whole server: another database may have created them, or may be creating them now, and the migrating role
-- may lack CREATEROLE. None of that fails the migration. If a role is missing, create it and call plantao.grant_roles().
--
-- To run the nodes as plantao_service, create one login that is a member, and migrate as the owner beforehand:
--   CREATE ROLE chat LOGIN PASSWORD '…' IN ROLE plantao_service;
-- Use one login for all nodes: a new active node can terminate the sessions of its predecessor only if their role is its own.

DO $$
DECLARE
  missing text;
BEGIN
  FOREACH missing IN ARRAY ARRAY['plantao_service', 'plantao_dba_readonly'] LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = missing) THEN CONTINUE; END IF;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
      RAISE NOTICE 'the role % was not created (%): create it, then run SELECT plantao.grant_roles()', missing, SQLERRM;
    END;
  END LOOP;
END $$;

CREATE FUNCTION plantao.grant_roles() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- By default every role can execute a new function.
  REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA plantao FROM PUBLIC;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'plantao_service') THEN
    GRANT USAGE ON SCHEMA plantao TO plantao_service;
    GRANT SELECT ON plantao.migrations, plantao.log_bounds, plantao.event_feed, plantao.cluster_status,
      plantao.leader_history, plantao.lock_holder, plantao.fence_holders, plantao.notify_queue, plantao.blocking,
      plantao.cluster, plantao.durability, plantao.current_pause, plantao.settings, plantao.activity,
      plantao.switchover_history TO plantao_service;
    GRANT SELECT ON plantao.epochs TO plantao_service;
    GRANT SELECT, INSERT ON plantao.users, plantao.groups TO plantao_service;
    -- A name is changed by plantao.rename_user() only.
    GRANT UPDATE (password_hash) ON plantao.users TO plantao_service;
    GRANT SELECT, INSERT, DELETE ON plantao.memberships, plantao.messages, plantao.idempotency_keys TO plantao_service;
    GRANT SELECT, INSERT, UPDATE, DELETE ON plantao.request_keys TO plantao_service;
    -- Messages may be edited, but neither moved nor given another sender.
    GRANT UPDATE (content, meta) ON plantao.messages TO plantao_service;
    -- This function also runs between migrations: what later ones create is not there yet.
    IF to_regclass('plantao.reaction_counts') IS NOT NULL THEN
      GRANT SELECT, INSERT, DELETE ON plantao.reactions TO plantao_service;
      GRANT SELECT ON plantao.reaction_counts TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.forget_removed_messages, plantao.reaction_form TO plantao_service;
    END IF;
    IF to_regproc('plantao.erase_user') IS NOT NULL THEN
      GRANT EXECUTE ON FUNCTION plantao.rename_user, plantao.erase_user, plantao.continue_erasures TO plantao_service;
    END IF;
    IF to_regclass('plantao.invitations') IS NOT NULL THEN
      GRANT UPDATE (name, description, shows_reads, archived_at, deleted_at) ON plantao.groups TO plantao_service;
      GRANT DELETE ON plantao.groups TO plantao_service;
      GRANT UPDATE (role) ON plantao.memberships TO plantao_service;
      GRANT SELECT ON plantao.departures TO plantao_service;
      GRANT SELECT, INSERT, UPDATE, DELETE ON plantao.invitations TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.delete_group TO plantao_service;
    END IF;
    IF to_regclass('plantao.hooks') IS NOT NULL THEN
      GRANT SELECT ON plantao.hooks TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.add_hook, plantao.revoke_hook TO plantao_service;
    END IF;
    IF to_regclass('plantao.signal_key') IS NOT NULL THEN
      GRANT SELECT ON plantao.signal_key TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.send_signals TO plantao_service;
    END IF;
    IF to_regclass('plantao.identities') IS NOT NULL THEN
      GRANT SELECT, INSERT, UPDATE ON plantao.identities TO plantao_service;
      GRANT SELECT, INSERT ON plantao.revoked_jwts TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.enter_by_identity, plantao.revoke_tokens TO plantao_service;
    END IF;
    IF to_regclass('plantao.message_search') IS NOT NULL THEN
      GRANT SELECT, INSERT, UPDATE, DELETE ON plantao.message_search, plantao.search_segments TO plantao_service;
      GRANT SELECT, INSERT, UPDATE ON plantao.search_index TO plantao_service;
      GRANT SELECT ON plantao.search_status TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.rebuild_search TO plantao_service;
    END IF;
    IF to_regproc('plantao.direct_chat') IS NOT NULL THEN
      GRANT EXECUTE ON FUNCTION plantao.direct_chat TO plantao_service;
    END IF;
    IF to_regproc('plantao.mark_read') IS NOT NULL THEN
      GRANT UPDATE (last_read_id) ON plantao.memberships TO plantao_service;
      GRANT EXECUTE ON FUNCTION plantao.mark_read TO plantao_service;
    END IF;
    -- No INSERT: functions that run with the owner's rights append to the log.
    GRANT SELECT, DELETE ON plantao.events TO plantao_service;
    GRANT SELECT, UPDATE ON plantao.event_log TO plantao_service;
    GRANT SELECT, INSERT, UPDATE ON plantao.leader_terms TO plantao_service;
    GRANT SELECT, INSERT, DELETE ON plantao.switchover_requests TO plantao_service;
    GRANT SELECT, INSERT, UPDATE ON plantao.pauses TO plantao_service;
    GRANT SELECT, INSERT, UPDATE, DELETE ON plantao.nodes, plantao.node_settings, plantao.tokens, plantao.token_revocations,
      plantao.sign_in_attempts, plantao.known_networks TO plantao_service;
    -- Without parameter lists, so that a change of parameters needs no change here.
    GRANT EXECUTE ON FUNCTION plantao.hint, plantao.require_stored, plantao.name_key, plantao.search_name, plantao.database_oid, plantao.sessions, plantao.history_fingerprint, plantao.log_head, plantao.lock_log,
      plantao.continue_epoch, plantao.log_fell_back, plantao.notify_group, plantao.act_as, plantao.reply_preview, plantao.lock_group_names, plantao.assert_term,
      plantao.close_fence, plantao.hold_leader_lock, plantao.cluster_id, plantao.fencing_token, plantao.newest_epoch, plantao.timeline, plantao.read_only_reason,
      plantao.refuse_read_only, plantao.report_lost_lock, plantao.report_lost_end, plantao.may_lead, plantao.last_active_at, plantao.pause, plantao.resume, plantao.open_term, plantao.end_open_term, plantao.insert_term,
      plantao.warm_up_term, plantao.end_last_term_sessions,
      plantao.end_silent_holder, plantao.close_term, plantao.switchover, plantao.warm_up_post, plantao.post_messages,
      plantao.post_message, plantao.issue_token,
      plantao.ms_between, plantao.commit_durability, plantao.replicated_lsn, plantao.standbys, plantao.messages_at_risk,
      plantao.repair_sequences, plantao.count_attempt,
      plantao.give_back_attempt, plantao.remember_network, plantao.known_client, plantao.count_payload_bytes, plantao.remove_old_events,
      plantao.remove_old_keys, plantao.remove_silent_nodes, plantao.claim_request_key, plantao.find_result, plantao.store_result TO plantao_service;
    GRANT SELECT, USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA plantao TO plantao_service;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'plantao_dba_readonly') THEN
    GRANT USAGE ON SCHEMA plantao TO plantao_dba_readonly;
    -- Not messages, password hashes or tokens.
    GRANT SELECT ON plantao.migrations, plantao.cluster_status, plantao.leader_history, plantao.lock_holder,
      plantao.group_activity, plantao.event_log_status, plantao.notify_queue, plantao.log_bounds, plantao.nodes,
      plantao.leader_terms, plantao.switchover_requests, plantao.epochs, plantao.event_log, plantao.cluster,
      plantao.fence_holders, plantao.blocking, plantao.durability, plantao.pauses, plantao.current_pause, plantao.settings,
      plantao.activity, plantao.switchover_history TO plantao_dba_readonly;
    IF to_regclass('plantao.search_status') IS NOT NULL THEN
      GRANT SELECT ON plantao.search_status, plantao.search_index TO plantao_dba_readonly;
    END IF;
    -- Functions that these views and plantao status call; they only read.
    GRANT EXECUTE ON FUNCTION plantao.database_oid, plantao.sessions, plantao.cluster_id, plantao.log_head, plantao.ms_between,
      plantao.last_active_at, plantao.commit_durability, plantao.standbys, plantao.messages_at_risk TO plantao_dba_readonly;
    BEGIN
      -- Shows sessions of other roles in pg_stat_activity, and so in plantao.lock_holder.
      GRANT pg_monitor TO plantao_dba_readonly;
    EXCEPTION WHEN OTHERS THEN
      -- The owner may not grant it, or a migration of another database is granting it at this moment.
      RAISE NOTICE 'pg_monitor was not granted to plantao_dba_readonly (%): grant it as a superuser', SQLERRM;
    END;
  END IF;
END $$;
COMMENT ON FUNCTION plantao.grant_roles() IS
  'Grants plantao_service what a node requires and plantao_dba_readonly the views, if these roles exist; revokes EXECUTE on every function from PUBLIC. The owner of the schema runs it after each migration; running it again is harmless.';
