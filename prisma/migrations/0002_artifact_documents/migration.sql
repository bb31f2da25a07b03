-- AlterTable
ALTER TABLE "artifacts" ADD COLUMN     "document_sha256" BYTEA,
ADD COLUMN     "document_size" BIGINT;

-- CreateIndex
CREATE INDEX "artifacts_document_sha256_idx" ON "artifacts"("document_sha256");

-- AddForeignKey
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_document_sha256_fkey" FOREIGN KEY ("document_sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What the schema's language cannot say
ALTER TABLE "artifacts"
    ADD CONSTRAINT "artifacts_document_whole" CHECK (num_nonnulls("document_sha256", "document_size") <> 1);
