-- Tells every process that listens which rows it must not use from memory any more: src/db/change-feed.ts
CREATE FUNCTION "notify_of_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('coreframe_changes', TG_TABLE_NAME || ' ' || OLD."id");
    RETURN NULL;
END
$$;

CREATE TRIGGER "images_changed"
    AFTER UPDATE OR DELETE ON "images"
    FOR EACH ROW EXECUTE FUNCTION "notify_of_change"();

-- All columns but last_used_at, which is only noted.
CREATE TRIGGER "artifacts_changed"
    AFTER DELETE OR UPDATE OF "id", "owner_id", "key", "kind", "operation", "version", "parameters", "sha256", "size",
        "filename", "media_type", "result", "retention", "created_at", "document_sha256", "document_size" ON "artifacts"
    FOR EACH ROW EXECUTE FUNCTION "notify_of_change"();
