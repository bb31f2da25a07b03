-- CreateTable
CREATE TABLE "jobs" (
    "id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "lane" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "parameters" JSONB NOT NULL,
    "priority" SMALLINT NOT NULL,
    "retention" TEXT NOT NULL,
    "accepts" TEXT[],
    "api_key_id" UUID,
    "request_id" TEXT NOT NULL,
    "idempotency_key" TEXT,
    "request_hash" BYTEA,
    "input_sha256" BYTEA,
    "input_size" BIGINT,
    "total" INTEGER GENERATED ALWAYS AS ("queued" + "running" + "succeeded" + "failed" + "cancelled" + "expired") STORED,
    "queued" INTEGER NOT NULL DEFAULT 0,
    "running" INTEGER NOT NULL DEFAULT 0,
    "succeeded" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "cancelled" INTEGER NOT NULL DEFAULT 0,
    "expired" INTEGER NOT NULL DEFAULT 0,
    "done_before" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT GENERATED ALWAYS AS (
        CASE
            WHEN "running" > 0 OR ("queued" > 0 AND "started_at" IS NOT NULL) THEN 'running'
            WHEN "queued" > 0 THEN 'queued'
            WHEN "cancelled" > 0 THEN 'cancelled'
            WHEN "expired" > 0 THEN 'expired'
            WHEN "failed" = 0 THEN 'succeeded'
            WHEN "succeeded" = 0 THEN 'failed'
            ELSE 'partly_failed'
        END
    ) STORED,
    "version" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "cancel_requested_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "job_items" (
    "job_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "input_type" TEXT NOT NULL,
    "input_id" UUID,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "deaths" SMALLINT NOT NULL DEFAULT 0,
    "is_alone" BOOLEAN NOT NULL DEFAULT false,
    "worker_id" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "progress" JSONB,
    "problem" JSONB,
    "artifact_id" UUID,
    "frame_set_id" UUID,
    "is_new" BOOLEAN,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "job_items_pkey" PRIMARY KEY ("job_id","position")
);

-- CreateTable
CREATE TABLE "job_turns" (
    "owner_id" UUID NOT NULL,
    "lane" TEXT NOT NULL,
    "priority" SMALLINT NOT NULL,
    "served_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "job_turns_pkey" PRIMARY KEY ("owner_id","lane","priority")
);

-- CreateIndex
CREATE INDEX "jobs_owner_id_created_at_id_idx" ON "jobs"("owner_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "jobs_input_sha256_idx" ON "jobs"("input_sha256");

-- CreateIndex
CREATE INDEX "jobs_ended_at_idx" ON "jobs"("ended_at");

-- CreateIndex
CREATE UNIQUE INDEX "jobs_owner_id_idempotency_key_key" ON "jobs"("owner_id", "idempotency_key");

-- CreateIndex
CREATE INDEX "job_items_job_id_state_position_idx" ON "job_items"("job_id", "state", "position");

-- CreateIndex
CREATE INDEX "job_turns_lane_priority_served_at_idx" ON "job_turns"("lane", "priority", "served_at");

-- AddForeignKey
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_input_sha256_fkey" FOREIGN KEY ("input_sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "job_items" ADD CONSTRAINT "job_items_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "job_turns" ADD CONSTRAINT "job_turns_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Prisma's schema language has no partial indexes. These have few rows, however many jobs there are.
CREATE INDEX "jobs_open_idx" ON "jobs" ("owner_id", "lane", "priority", "created_at", "id") WHERE "ended_at" IS NULL;
CREATE INDEX "job_items_running_idx" ON "job_items" ("job_id", "position") WHERE "state" = 'running';
CREATE INDEX "job_items_alone_idx" ON "job_items" ("job_id", "position") WHERE "is_alone" AND "state" = 'queued';

-- Every item changes its job twice. With room in the page, that does not touch indexes.
ALTER TABLE "jobs" SET (fillfactor = 70);

-- Whoever has items that wait takes turns with the others. The lock keeps others from deleting the row while they do not see the items.
CREATE FUNCTION "take_turns"("job" "jobs") RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        INSERT INTO "job_turns" VALUES ("job"."owner_id", "job"."lane", "job"."priority", '-infinity') ON CONFLICT DO NOTHING;
        PERFORM FROM "job_turns" WHERE "owner_id" = "job"."owner_id" AND "lane" = "job"."lane" AND "priority" = "job"."priority"
            FOR KEY SHARE;
        EXIT WHEN FOUND;
    END LOOP;
END
$$;

-- The counts of a job follow the states of its items, whichever statement changes them, and the counts tell its state. The change feed
-- tells workers of new items, and those who follow a job of every change.
CREATE FUNCTION "count_job_items"("job" UUID, "of_state" JSONB) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed "jobs";
    more_queued INTEGER := coalesce(("of_state" ->> 'queued')::int, 0);
    more_running INTEGER := coalesce(("of_state" ->> 'running')::int, 0);
BEGIN
    UPDATE "jobs" SET
        "queued" = "queued" + more_queued,
        "running" = "running" + more_running,
        "succeeded" = "succeeded" + coalesce(("of_state" ->> 'succeeded')::int, 0),
        "failed" = "failed" + coalesce(("of_state" ->> 'failed')::int, 0),
        "cancelled" = "cancelled" + coalesce(("of_state" ->> 'cancelled')::int, 0),
        "expired" = "expired" + coalesce(("of_state" ->> 'expired')::int, 0),
        "version" = "version" + 1,
        "started_at" = CASE WHEN more_running > 0 THEN coalesce("started_at", clock_timestamp()) ELSE "started_at" END,
        "ended_at" = CASE WHEN "queued" + more_queued + "running" + more_running = 0
            THEN coalesce("ended_at", clock_timestamp()) END
        WHERE "id" = "job" RETURNING * INTO changed;
    IF more_queued > 0 THEN
        PERFORM take_turns(changed);
        PERFORM pg_notify('coreframe_changes', 'job_items ' || changed."lane");
    END IF;
END
$$;

CREATE FUNCTION "count_new_job_items"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_job_items("job_id", jsonb_build_object('queued', count(*))) FROM "new_items" GROUP BY "job_id" ORDER BY "job_id";
    RETURN NULL;
END
$$;

CREATE FUNCTION "count_changed_job_items"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Leases are renewed often, which changes no count.
    PERFORM count_job_items("job_id", jsonb_object_agg("state", "change")) FROM (
        SELECT "job_id", "state", sum("one") AS "change" FROM (
            SELECT "job_id", "state", -1 AS "one" FROM "old_items" UNION ALL SELECT "job_id", "state", 1 FROM "new_items"
        ) AS "changes" GROUP BY "job_id", "state" HAVING sum("one") <> 0
    ) AS "sums" GROUP BY "job_id" ORDER BY "job_id";
    RETURN NULL;
END
$$;

CREATE TRIGGER "job_items_inserted" AFTER INSERT ON "job_items" REFERENCING NEW TABLE AS "new_items"
    FOR EACH STATEMENT EXECUTE FUNCTION "count_new_job_items"();

CREATE TRIGGER "job_items_updated" AFTER UPDATE ON "job_items" REFERENCING OLD TABLE AS "old_items" NEW TABLE AS "new_items"
    FOR EACH STATEMENT EXECUTE FUNCTION "count_changed_job_items"();

CREATE TRIGGER "jobs_changed" AFTER DELETE OR UPDATE ON "jobs" FOR EACH ROW EXECUTE FUNCTION "notify_of_change"();

CREATE FUNCTION "take_turns_as_new_owner"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_turns(NEW);
    RETURN NULL;
END
$$;

CREATE TRIGGER "jobs_moved" AFTER UPDATE OF "owner_id" ON "jobs" FOR EACH ROW EXECUTE FUNCTION "take_turns_as_new_owner"();

-- A file that a job works on counts towards its owner's quota until the job has succeeded.
CREATE FUNCTION "counted_bytes"("row" "jobs") RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce("row"."input_size", 0)
$$;

CREATE CONSTRAINT TRIGGER "jobs_counted"
    AFTER INSERT OR DELETE OR UPDATE OF "owner_id", "input_size" ON "jobs" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION "count_row"();
