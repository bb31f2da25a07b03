-- AlterTable
ALTER TABLE "frame_sets" ADD COLUMN     "depth_decimals" SMALLINT,
ADD COLUMN     "file_sha256" BYTEA;

-- CreateIndex
CREATE INDEX "frame_sets_file_sha256_idx" ON "frame_sets"("file_sha256");

-- AddForeignKey
ALTER TABLE "frame_sets" ADD CONSTRAINT "frame_sets_file_sha256_fkey" FOREIGN KEY ("file_sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;
