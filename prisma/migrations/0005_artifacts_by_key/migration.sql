-- DropIndex
DROP INDEX "artifacts_owner_id_key_key";

-- CreateIndex
CREATE UNIQUE INDEX "artifacts_key_owner_id_key" ON "artifacts"("key", "owner_id");
