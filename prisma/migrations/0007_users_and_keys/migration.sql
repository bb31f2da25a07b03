-- AlterTable
ALTER TABLE "users" ADD COLUMN     "disabled_at" TIMESTAMPTZ(3),
ADD COLUMN     "email" TEXT,
ADD COLUMN     "password_hash" TEXT,
ADD COLUMN     "role" TEXT NOT NULL DEFAULT 'user',
ADD COLUMN     "storage_quota_bytes" BIGINT,
ADD COLUMN     "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

UPDATE "users" SET "updated_at" = "created_at";

-- CreateTable
CREATE TABLE "stored_bytes" (
    "owner_id" UUID NOT NULL,
    "bytes" BIGINT NOT NULL,

    CONSTRAINT "stored_bytes_pkey" PRIMARY KEY ("owner_id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "scopes" TEXT[],
    "generation" INTEGER NOT NULL DEFAULT 0,
    "rotated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "client" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "made_by_key_id" UUID,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "used_scopes" TEXT[] DEFAULT ARRAY[]::TEXT[],

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor_id" UUID NOT NULL,
    "user_id" UUID,
    "action" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "details" JSONB NOT NULL,

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable. Attempts to guess passwords are counted here; after a crash of the server it may be empty.
CREATE UNLOGGED TABLE "log_in_attempts" (
    "key" TEXT NOT NULL,
    "points" INTEGER NOT NULL DEFAULT 0,
    "expire" BIGINT,

    CONSTRAINT "log_in_attempts_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");

-- CreateIndex
CREATE INDEX "users_created_at_id_idx" ON "users"("created_at", "id");

-- CreateIndex
CREATE INDEX "sessions_user_id_created_at_id_idx" ON "sessions"("user_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE INDEX "api_keys_user_id_created_at_id_idx" ON "api_keys"("user_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "api_keys_made_by_key_id_idx" ON "api_keys"("made_by_key_id");

-- CreateIndex
CREATE INDEX "audit_events_created_at_id_idx" ON "audit_events"("created_at", "id");

-- AddForeignKey
ALTER TABLE "stored_bytes" ADD CONSTRAINT "stored_bytes_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_made_by_key_id_fkey" FOREIGN KEY ("made_by_key_id") REFERENCES "api_keys"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What processes keep in memory of credentials: src/db/row-cache. Columns that are only noted are left out.
CREATE TRIGGER "users_changed"
    AFTER DELETE OR UPDATE OF "id", "password_hash", "role", "disabled_at" ON "users"
    FOR EACH ROW EXECUTE FUNCTION "notify_of_change"();

CREATE TRIGGER "sessions_changed"
    AFTER DELETE OR UPDATE OF "id", "user_id", "scopes", "expires_at" ON "sessions"
    FOR EACH ROW EXECUTE FUNCTION "notify_of_change"();

CREATE TRIGGER "api_keys_changed"
    AFTER DELETE OR UPDATE OF "id", "user_id", "hash", "scopes", "expires_at" ON "api_keys"
    FOR EACH ROW EXECUTE FUNCTION "notify_of_change"();

-- The bytes that count towards a user's quota: of each image, image log and kept artifact in full, also if others have the same.
CREATE FUNCTION "counted_bytes"("row" "images") RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT "row"."size"
$$;

CREATE FUNCTION "counted_bytes"("row" "frame_sets") RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT "row"."size"
$$;

CREATE FUNCTION "counted_bytes"("row" "artifacts") RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN "row"."retention" = 'kept' THEN "row"."size" + coalesce("row"."document_size", 0) ELSE 0 END
$$;

CREATE FUNCTION "count_stored_bytes"("owner" UUID, "change" BIGINT) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    total BIGINT;
    quota BIGINT;
BEGIN
    IF change = 0 THEN RETURN; END IF;
    INSERT INTO "stored_bytes" AS stored ("owner_id", "bytes") VALUES (owner, change)
        ON CONFLICT ("owner_id") DO UPDATE SET "bytes" = stored."bytes" + change
        RETURNING "bytes" INTO total;
    IF change < 0 THEN RETURN; END IF;
    SELECT "storage_quota_bytes" INTO quota FROM "users" WHERE "id" = owner;
    IF total > quota THEN
        RAISE EXCEPTION 'the quota of % bytes does not allow % bytes', quota, total
            USING ERRCODE = 'CF001', DETAIL = json_build_object('quota', quota, 'used', total - change, 'more', change)::text;
    END IF;
END
$$;

CREATE FUNCTION "count_row"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- PostgreSQL takes quadratic time for many changes of one row in a transaction. One that moves many rows counts them by itself.
    IF current_setting('coreframe.counts_by_itself', true) = 'on' THEN RETURN NULL; END IF;
    IF TG_OP = 'UPDATE' AND NEW."owner_id" = OLD."owner_id" THEN
        PERFORM count_stored_bytes(NEW."owner_id", counted_bytes(NEW) - counted_bytes(OLD));
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN PERFORM count_stored_bytes(OLD."owner_id", - counted_bytes(OLD)); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM count_stored_bytes(NEW."owner_id", counted_bytes(NEW)); END IF;
    RETURN NULL;
END
$$;

-- At the commit, so that a long transaction does not keep others of the same user waiting.
CREATE CONSTRAINT TRIGGER "images_counted"
    AFTER INSERT OR DELETE OR UPDATE OF "owner_id", "size" ON "images" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION "count_row"();

CREATE CONSTRAINT TRIGGER "artifacts_counted"
    AFTER INSERT OR DELETE OR UPDATE OF "owner_id", "size", "document_size", "retention" ON "artifacts" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION "count_row"();

CREATE CONSTRAINT TRIGGER "frame_sets_counted"
    AFTER INSERT OR DELETE OR UPDATE OF "owner_id", "size" ON "frame_sets" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION "count_row"();

INSERT INTO "stored_bytes"
    SELECT "owner_id", sum("bytes") FROM (
        SELECT "owner_id", counted_bytes("images") AS "bytes" FROM "images"
        UNION ALL SELECT "owner_id", counted_bytes("artifacts") FROM "artifacts"
        UNION ALL SELECT "owner_id", counted_bytes("frame_sets") FROM "frame_sets"
    ) AS counted GROUP BY "owner_id";
